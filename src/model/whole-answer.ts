/**
 * Converts an answer that arrived as one JSON text to an event stream. A proxy sends one JSON text if it
 * does not stream, or if it drops the query `alt=sse` of Gemini's API, which then sends a list of chunks.
 */
import { jsonValueOf } from '../ground/json.ts'
import { isRecord } from './openai-compatible/json-record.ts'
import type { JsonRecord } from './openai-compatible/json-record.ts'
import { eventsOfResponse } from './responses-events.ts'

/** Returns undefined if the text is not an answer of Anthropic's, Gemini's or OpenAI's Responses API. */
export function eventsOfAnswer(text: string): string | undefined {
  const whole = jsonValueOf(text)
  if (!isRecord(whole)) return undefined
  const items = (Array.isArray(whole) ? whole : [whole]).filter(isRecord)
  if (items.some(({ candidates }) => Array.isArray(candidates))) return items.map(event).join('')
  const [answer] = items
  if (answer?.['object'] === 'response') return eventsOfResponse(answer).map(event).join('')
  return answer?.['type'] === 'message' ? eventsOfMessage(answer) : undefined
}

const event = (value: JsonRecord) => `data: ${JSON.stringify(value)}\n\n`

function eventsOfMessage(message: JsonRecord): string {
  const { content, stop_reason, stop_sequence = null, usage } = message
  const blocks = Array.isArray(content) ? content.filter(isRecord) : []
  return [
    { type: 'message_start', message: { ...message, content: [], stop_reason: null } },
    ...blocks.flatMap(eventsOfBlock),
    { type: 'message_delta', delta: { stop_reason, stop_sequence }, usage },
    { type: 'message_stop' },
  ]
    .map(event)
    .join('')
}

function eventsOfBlock(block: JsonRecord, index: number): JsonRecord[] {
  const { type, text, thinking, signature, input } = block
  const deltas: Record<string, JsonRecord[]> = {
    text: [{ type: 'text_delta', text }],
    thinking: [
      { type: 'thinking_delta', thinking },
      ...(typeof signature === 'string' ? [{ type: 'signature_delta', signature }] : []),
    ],
    tool_use: [{ type: 'input_json_delta', partial_json: JSON.stringify(input ?? {}) }],
  }
  const empty: Record<string, JsonRecord> = {
    text: { text: '' },
    thinking: { thinking: '', signature: '' },
    tool_use: { input: {} },
  }
  const kind = String(type)
  return [
    { type: 'content_block_start', index, content_block: { ...block, ...empty[kind] } },
    ...(deltas[kind] ?? []).map((delta) => ({ type: 'content_block_delta', index, delta })),
    { type: 'content_block_stop', index },
  ]
}
