/**
 * Leaves out references to items that OpenAI's Responses API does not have (any more): "Item with id
 * 'rs_1' not found", after thirty days, with another organisation's key, or of a response that broke off.
 */
import { isRecord } from '../openai-compatible/json-record.ts'
import type { BodyRule } from './rule.ts'

const missing = /item with id ['"`]?([\w-]+)['"`]? (?:was )?not found/i

export const missingItem: BodyRule = ({ text }, body) => {
  const id = missing.exec(text)?.[1]
  if (id === undefined || !Array.isArray(body['input'])) return undefined
  return {
    key: `-input.${id}`,
    apply: (body) => {
      const { input } = body
      if (!Array.isArray(input)) return body
      const isMissing = (item: unknown) => isRecord(item) && item['id'] === id
      return input.some(isMissing)
        ? { ...body, input: input.filter((item: unknown) => !isMissing(item)) }
        : body
    },
  }
}
