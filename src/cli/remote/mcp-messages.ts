/** The messages in a response of an MCP server: one JSON object, or a stream of server-sent events. */
import { type JSONRPCMessage, parseJSONRPCMessage } from '@modelcontextprotocol/server'

import { LoomError } from '../../ground/error.ts'

export interface ReceivedMessage {
  /** The id of the last event. Undefined if the stream has none. */
  id: string | undefined
  /** Undefined for an event without data: the first event of a call has only an id. */
  message: JSONRPCMessage | undefined
}

const eventCharsMax = 16 * 1024 * 1024

/** @throws SyntaxError or the error of a schema for a message that is none; the error of a broken connection */
export async function* readMessages(response: Response): AsyncGenerator<ReceivedMessage> {
  const isStream = response.headers.get('content-type')?.startsWith('text/event-stream') === true
  if (!isStream || response.body === null) {
    const text = await response.text()
    if (text !== '') yield { id: undefined, message: parseJSONRPCMessage(JSON.parse(text)) }
    return
  }
  let id: string | undefined
  for await (const frame of framesOf(response.body)) {
    id = /^id: ?(.+)$/m.exec(frame)?.[1] ?? id
    const data = [...frame.matchAll(/^data: ?(.*)$/gm)].map(([, line = '']) => line).join('\n')
    yield { id, message: data === '' ? undefined : parseJSONRPCMessage(JSON.parse(data)) }
  }
}

async function* framesOf(body: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder()
  let text = ''
  for await (const chunk of body) {
    text += decoder.decode(chunk, { stream: true }).replaceAll('\r', '')
    const frames = text.split('\n\n')
    text = frames.pop() ?? ''
    yield* frames
    if (text.length > eventCharsMax) {
      throw new LoomError('model-failed', 'The server sent an event that is too large.')
    }
  }
}
