/**
 * OpenRouter's `reasoning_details`, joined from their deltas. They must go back unchanged and in order:
 * openrouter.ai/docs/use-cases/reasoning-tokens, "Preserving reasoning blocks". A stream sends a text or
 * a summary in pieces with the same index; encrypted blocks arrive complete.
 */
import type { JSONArray, JSONObject } from '@ai-sdk/provider'

import { isRecord } from './json-record.ts'

/** A record parsed from JSON, so its values are JSON. */
const isBlock = (value: unknown): value is JSONObject => isRecord(value) && !Array.isArray(value)

const growing: Readonly<Record<string, string>> = {
  'reasoning.text': 'text',
  'reasoning.summary': 'summary',
}

export class ReasoningDetails {
  readonly #details: JSONObject[] = []

  add(value: unknown): void {
    for (const detail of Array.isArray(value) ? value : [value]) {
      if (isBlock(detail)) this.#add(detail)
    }
  }

  whole(): JSONArray {
    return this.#details
  }

  #add(detail: JSONObject): void {
    const last = this.#details.at(-1)
    const field = growing[textOf(detail['type'])]
    if (field === undefined || last === undefined || !isOneBlock(last, detail)) {
      this.#details.push({ ...detail })
      return
    }
    const text = `${textOf(last[field])}${textOf(detail[field])}`
    // A signature arrives with the last piece. A null does not overwrite a value.
    for (const [name, value] of Object.entries(detail)) if (value != null) last[name] = value
    last[field] = text
  }
}

const isOneBlock = (last: JSONObject, next: JSONObject) =>
  last['type'] === next['type'] &&
  (last['index'] ?? null) === (next['index'] ?? null) &&
  (last['id'] == null || next['id'] == null || last['id'] === next['id'])

const textOf = (value: unknown) => (typeof value === 'string' ? value : '')

/** The text of the details, for a delta without another field for it. */
export function detailsText(value: unknown): string {
  if (!Array.isArray(value)) return ''
  return value
    .map((detail: unknown) => {
      const field = isRecord(detail) ? growing[textOf(detail['type'])] : undefined
      return isRecord(detail) && field !== undefined ? textOf(detail[field]) : ''
    })
    .join('')
}
