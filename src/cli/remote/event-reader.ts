/**
 * Reads the stream of a server as events. The server may be any program, so an event without the
 * required fields of its type is skipped, and the size of an event is limited.
 */
import type { AgentEvent } from '../../event.ts'
import { errorMessage, LoomError } from '../../ground/error.ts'
import { fieldsOf } from '../../ground/fields.ts'

const eventCharsMax = 16 * 1024 * 1024

/** The required text fields of each type. Other fields are not checked. */
const texts: Readonly<Record<string, readonly string[]>> = {
  'text-start': ['id'],
  'text-delta': ['id', 'delta'],
  'text-end': ['id'],
  'reasoning-start': ['id'],
  'reasoning-delta': ['id', 'delta'],
  'reasoning-end': ['id'],
  'tool-input-start': ['toolCallId', 'toolName'],
  'tool-input-delta': ['toolCallId', 'inputTextDelta'],
  'tool-input-available': ['toolCallId', 'toolName'],
  'tool-input-error': ['toolCallId', 'toolName', 'errorText'],
  'tool-output-available': ['toolCallId'],
  'tool-output-error': ['toolCallId', 'errorText'],
  'tool-approval-request': ['toolCallId', 'approvalId'],
  'tool-approval-response': ['approvalId'],
  'tool-output-denied': ['toolCallId'],
  file: ['url', 'mediaType'],
  'reasoning-file': ['url', 'mediaType'],
  'source-url': ['sourceId', 'url'],
  'source-document': ['sourceId', 'mediaType', 'title'],
  custom: ['kind'],
  start: [],
  'start-step': [],
  'finish-step': [],
  'reset-step': [],
  'message-metadata': [],
  abort: [],
  error: ['errorText'],
  finish: ['finishReason'],
}

/**
 * @param onCursor receives the cursor of every event
 * @throws LoomError `model-failed` if the stream ends before the answer does
 */
export async function* readEvents(
  body: ReadableStream<Uint8Array>,
  onCursor: (cursor: string) => void,
): AsyncGenerator<AgentEvent, void> {
  let text = ''
  let isFinished = false
  const decoder = new TextDecoder()
  for await (const chunk of chunksOf(body)) {
    text += decoder.decode(chunk, { stream: true })
    if (text.length > eventCharsMax) throw cutOff()
    const frames = text.split('\n\n')
    text = frames.pop() ?? ''
    for (const frame of frames) {
      const cursor = /^id: ?(.+)$/m.exec(frame)?.[1]
      if (cursor !== undefined) onCursor(cursor)
      const event = eventIn(frame)
      if (event === undefined) continue
      if (event.type === 'finish' || event.type === 'error') isFinished = true
      yield event
    }
  }
  if (!isFinished) throw cutOff()
}

/** @throws LoomError `unavailable` if the connection is lost and cannot be resumed */
async function* chunksOf(body: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array, void> {
  try {
    yield* body
  } catch (cause) {
    const message = `The connection to the server was lost: ${errorMessage(cause)}`
    throw new LoomError('unavailable', message, { cause })
  }
}

const cutOff = () =>
  new LoomError('model-failed', 'The server closed the stream before the answer was complete.')

function eventIn(frame: string): AgentEvent | undefined {
  const data = frame
    .split('\n')
    .flatMap((line) => (line.startsWith('data:') ? [line.slice(5).trimStart()] : []))
    .join('\n')
  if (data === '' || data === '[DONE]') return undefined
  try {
    const value: unknown = JSON.parse(data)
    return isEvent(value) ? value : undefined
  } catch {
    // Loom sends only JSON, so the frame comes from another program.
    return undefined
  }
}

function isEvent(value: unknown): value is AgentEvent {
  const fields = fieldsOf(value)
  const { type } = fields
  if (typeof type !== 'string') return false
  if (type.startsWith('data-')) return true
  const needed = Object.hasOwn(texts, type) ? texts[type] : undefined
  return needed?.every((name) => typeof fields[name] === 'string') === true
}
