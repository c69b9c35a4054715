/**
 * Converts an event stream of Anthropic's Messages API to one that its package can read. The API may
 * add types of events, blocks and deltas at any time, and asks clients to ignore unknown ones
 * (https://docs.claude.com/en/docs/build-with-claude/streaming). The package ends the answer with an
 * error in that case, and also if a proxy leaves out the usage or sends an event without a type.
 */
import { textOf } from './openai-compatible/chunk.ts'
import { isRecord } from './openai-compatible/json-record.ts'
import type { JsonRecord } from './openai-compatible/json-record.ts'
import { RewrittenEvents } from './rewritten-events.ts'

const eventTypes = new Set(
  'message_start content_block_start content_block_delta content_block_stop message_delta message_stop ping error'.split(
    ' ',
  ),
)
const blockTypes =
  /^(?:text|thinking|redacted_thinking|compaction|tool_use|server_tool_use|mcp_tool_use|\w+_tool_result)$/
const deltaTypes = /^(?:text|input_json|thinking|signature|compaction|citations)_delta$/

/** The form of nearly every event. Such an event needs no JSON parsing. */
const plainDelta =
  /^\{"type":"content_block_delta","index":\d+,"delta":\{"type":"(?:text|input_json|thinking)_delta"/

export class AnthropicEvents extends RewrittenEvents {
  /** The indexes of blocks that are left out. */
  readonly #omissions = new Set<unknown>()

  protected override event(data: string): void {
    if (this.#omissions.size === 0 && plainDelta.test(data)) this.write(data)
    else this.rewrite(data)
  }

  protected override rewriteObject(event: JsonRecord, data: string): void {
    const { type, index, content_block: block, delta, usage } = event
    if (type === undefined && isRecord(event['error'])) {
      this.write(JSON.stringify({ ...event, type: 'error' }))
      return
    }
    if (typeof type !== 'string' || !eventTypes.has(type)) return
    if (type === 'message_start' && isRecord(event['message'])) {
      this.write(JSON.stringify({ ...event, message: readableStart(event['message']) }))
      return
    }
    if (type === 'content_block_start' && isRecord(block)) {
      if (!blockTypes.test(String(block['type']))) this.#omissions.add(index)
      else this.#omissions.delete(index)
    }
    if (type !== 'message_delta' && this.#omissions.has(index)) return
    if (
      type === 'content_block_delta' &&
      isRecord(delta) &&
      !deltaTypes.test(String(delta['type']))
    )
      return
    const isUncounted =
      type === 'message_delta' && !(isRecord(usage) && typeof usage['output_tokens'] === 'number')
    this.write(isUncounted ? JSON.stringify({ ...event, usage: { output_tokens: 0 } }) : data)
  }
}

/** Some servers with the form of this API leave out the usage and send numbers as message ids. */
function readableStart(message: JsonRecord): JsonRecord {
  const { id, model, usage } = message
  const counts = isRecord(usage) ? usage : {}
  return {
    ...message,
    ...(id !== undefined && { id: textOf(id) ?? null }),
    ...(model !== undefined && { model: textOf(model) ?? null }),
    usage: { ...counts, input_tokens: countOf(usage, 'input_tokens') },
  }
}

function countOf(usage: unknown, name: string): number {
  const count = isRecord(usage) ? usage[name] : undefined
  return typeof count === 'number' ? count : 0
}
