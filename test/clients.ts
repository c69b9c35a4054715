/**
 * The real readers of Loom's streams: the current version of each AI SDK major, and the first
 * release of each whose schemas still refuse unknown fields. They parse bytes like `useChat`.
 */
import * as ai7 from 'ai'
import * as ai5 from 'ai5'
import * as ai5Strict from 'ai5-strict'
import * as ai6 from 'ai6'
import * as ai6Strict from 'ai6-strict'
import * as ai7Strict from 'ai7-strict'

type Bytes = ReadableStream<Uint8Array<ArrayBuffer>>

export interface Client {
  name: string
  major: 5 | 6 | 7
  strict: boolean
  /**
   * Returns the final message of the client. Throws if the client would show an error.
   * @param from the message that the answer continues
   */
  read: (text: string, from?: Message) => Promise<Message>
}

export interface Message {
  id: string
  metadata?: unknown
  parts: readonly object[]
}

type Parsed = { success: true; value: unknown } | { success: false; error: Error }

const terminateOnError = true

export const clients: readonly Client[] = [
  client('ai 5', 5, false, (stream, from) => {
    const chunks = ai5.parseJsonEventStream({ stream, schema: ai5.uiMessageChunkSchema })
    return ai5.readUIMessageStream({
      ...start(from),
      stream: chunks.pipeThrough(values()),
      terminateOnError,
    })
  }),
  client('ai 5.0.150', 5, true, (stream, from) => {
    const chunks = ai5Strict.parseJsonEventStream({
      stream,
      schema: ai5Strict.uiMessageChunkSchema,
    })
    return ai5Strict.readUIMessageStream({
      ...start(from),
      stream: chunks.pipeThrough(values()),
      terminateOnError,
    })
  }),
  client('ai 6', 6, false, (stream, from) => {
    const chunks = ai6.parseJsonEventStream({ stream, schema: ai6.uiMessageChunkSchema })
    return ai6.readUIMessageStream({
      ...start(from),
      stream: chunks.pipeThrough(values()),
      terminateOnError,
    })
  }),
  client('ai 6.0.3', 6, true, (stream, from) => {
    const chunks = ai6Strict.parseJsonEventStream({
      stream,
      schema: ai6Strict.uiMessageChunkSchema,
    })
    return ai6Strict.readUIMessageStream({
      ...start(from),
      stream: chunks.pipeThrough(values()),
      terminateOnError,
    })
  }),
  client('ai 7', 7, false, (stream, from) => {
    const chunks = ai7.parseJsonEventStream({ stream, schema: ai7.uiMessageChunkSchema })
    return ai7.readUIMessageStream({
      ...start(from),
      stream: chunks.pipeThrough(values()),
      terminateOnError,
    })
  }),
  client('ai 7.0.0', 7, true, (stream, from) => {
    const chunks = ai7Strict.parseJsonEventStream({
      stream,
      schema: ai7Strict.uiMessageChunkSchema,
    })
    return ai7Strict.readUIMessageStream({
      ...start(from),
      stream: chunks.pipeThrough(values()),
      terminateOnError,
    })
  }),
]

function client(
  name: string,
  major: Client['major'],
  strict: boolean,
  open: (bytes: Bytes, from: Message | undefined) => AsyncIterable<Message>,
): Client {
  async function read(text: string, from?: Message): Promise<Message> {
    let last: Message | undefined
    for await (const message of open(bytesOf(text), from)) last = message
    if (last === undefined) throw new Error(`${name} saw no message`)
    return last
  }
  return { name, major, strict, read }
}

/** The types of the messages differ, but their content came from a client. */
function start<MESSAGE>(from: Message | undefined): Partial<Record<'message', MESSAGE>> {
  return from === undefined ? {} : { message: JSON.parse(JSON.stringify(from)) }
}

function bytesOf(text: string): Bytes {
  return new ReadableStream({
    start(controller) {
      controller.enqueue(new TextEncoder().encode(text))
      controller.close()
    },
  })
}

/**
 * Reads the parser's results like a transport: the first bad one ends the stream. The types of the
 * parser and of the reader differ only in `undefined`, which JSON does not have.
 */
function values<CHUNK>(): TransformStream<Parsed, CHUNK> {
  return new TransformStream({
    transform(result, controller) {
      if (!result.success) throw result.error
      const chunk: CHUNK = JSON.parse(JSON.stringify(result.value))
      controller.enqueue(chunk)
    },
  })
}
