/**
 * Converts an event stream of OpenAI's Responses API to one that its package can read. The package ends
 * the answer with an error if a gateway sends an event without a type. It reads an empty answer if only
 * the last event contains the output. It reads `stop` if an incomplete answer has no reason.
 */
import { isRecord } from './openai-compatible/json-record.ts'
import type { JsonRecord } from './openai-compatible/json-record.ts'
import { RewrittenEvents } from './rewritten-events.ts'

/** The form of nearly every event. Such an event needs no JSON parsing. */
const plainDelta = /^\{"type":"response\.[a-z_]+\.delta"/

export class ResponsesEvents extends RewrittenEvents {
  #hasOutput = false

  protected override event(data: string): void {
    if (plainDelta.test(data)) {
      this.#hasOutput = true
      this.write(data)
    } else this.rewrite(data)
  }

  protected override rewriteObject(event: JsonRecord, data: string): void {
    const { type, response, error } = event
    if (typeof type !== 'string') {
      if (isRecord(error)) this.write(JSON.stringify({ ...event, type: 'error' }))
      return
    }
    if (/^response\.(?:output_item|content_part)\.|\.delta$/.test(type)) this.#hasOutput = true
    if (!isRecord(response) || !/^response\.(?:completed|incomplete)$/.test(type)) {
      this.write(data)
      return
    }
    if (!this.#hasOutput)
      for (const item of outputEvents(response)) this.write(JSON.stringify(item))
    const { incomplete_details: details } = response
    const isExplained = isRecord(details) && typeof details['reason'] === 'string'
    const isUnexplained = type === 'response.incomplete' && !isExplained
    const explained = { ...response, incomplete_details: { reason: 'incomplete' } }
    this.write(isUnexplained ? JSON.stringify({ ...event, response: explained }) : data)
  }
}

/** Returns the events of a complete answer. */
export function eventsOfResponse(response: JsonRecord): JsonRecord[] {
  const { id, created_at = 0, model = '', status } = response
  const isEnd = status === 'incomplete' || status === 'failed'
  return [
    { type: 'response.created', response: { id, created_at, model } },
    ...outputEvents(response),
    { type: `response.${isEnd ? status : 'completed'}`, response },
  ]
}

function outputEvents({ output }: JsonRecord): JsonRecord[] {
  return Array.isArray(output) ? output.filter(isRecord).flatMap(itemEvents) : []
}

function itemEvents(item: JsonRecord, output_index: number): JsonRecord[] {
  const { type, id: item_id, content, status = 'completed' } = item
  const parts = type === 'message' && Array.isArray(content) ? content.filter(isRecord) : []
  return [
    {
      type: 'response.output_item.added',
      output_index,
      item: type === 'function_call' ? { ...item, arguments: '' } : item,
    },
    ...parts.map(({ text, refusal }) =>
      refusal === undefined
        ? { type: 'response.output_text.delta', item_id, output_index, delta: text }
        : { type: 'response.refusal.delta', item_id, output_index, delta: refusal },
    ),
    { type: 'response.output_item.done', output_index, item: { ...item, status } },
  ]
}
