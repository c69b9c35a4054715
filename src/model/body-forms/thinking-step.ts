/**
 * Leaves out Anthropic's `thinking` while a step continues that started without it: "Expected `thinking`
 * or `redacted_thinking`, but found `tool_use`. When `thinking` is enabled, a final `assistant` message
 * must start with a thinking block". This happens if another model made the calls of the step.
 */
import { isRecord } from '../openai-compatible/json-record.ts'
import type { JsonRecord } from '../openai-compatible/json-record.ts'
import { messagesOf } from './message-list.ts'
import type { BodyChange, BodyRule } from './rule.ts'

export const thinkingStep: BodyRule = ({ text }, body) =>
  /expected ['"`]?thinking|must start with a thinking block/i.test(text) &&
  withoutThinking.apply(body) !== body
    ? withoutThinking
    : undefined

const withoutThinking: BodyChange = {
  key: '-thinking of a step without',
  apply: (body) => {
    if (body['thinking'] === undefined || !startsWithoutThinking(body)) return body
    const { thinking: _, ...others } = body
    return others
  },
}

function startsWithoutThinking(body: JsonRecord): boolean {
  const last = messagesOf(body).findLast(({ role }) => role === 'assistant')
  const content: unknown = last?.['content']
  const first: unknown = Array.isArray(content) ? content[0] : undefined
  const type = isRecord(first) ? first['type'] : undefined
  return last !== undefined && type !== 'thinking' && type !== 'redacted_thinking'
}
