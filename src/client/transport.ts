/** The transport of `useChat`: it posts the last message and reads the answer. */
import type { SentMessage } from './automatic-send.ts'
import { chunkStream } from './chunks.ts'
import { LoomClientError, refusalOf } from './error.ts'
import type { Requests } from './requests.ts'
import { resumableFetch, type ResumableFetchOptions } from './resumable-fetch.ts'
import { inTime } from './retry.ts'
import type { SeenAnswers } from './seen-answers.ts'

/** Options of one request, which `sendMessage`, `regenerate` and `resumeStream` of a chat pass on. */
export interface CallOptions {
  /** Headers of this request. @defaultValue none */
  headers?: Record<string, string> | Headers | undefined
  /** Fields of the posted body, such as `whenBusy`, `model` or `context`. @defaultValue none */
  body?: object | undefined
  /** Not used. @defaultValue none */
  metadata?: unknown
}

/**
 * A transport for `useChat` and `Chat` of ai 5, 6 and 7. It posts only the last message, because the server
 * has the others.
 * @example
 * ```ts
 * import { Chat } from '@ai-sdk/react'
 * import { loomChat, type LoomTransport } from 'loomkit/client'
 *
 * const transport: LoomTransport = loomChat({ api: '/api/chat', id: 'c', profile: 'v7' }).transport
 * const chat = new Chat({ id: 'c', transport })
 * ```
 */
export interface LoomTransport {
  /** True: a stream that continues after a reload begins at the start of its message. */
  readonly resumeStreamIsReplay: true
  /**
   * Posts the last message and returns the chunks of the answer.
   * @throws LoomClientError if the server refuses the message
   */
  sendMessages: <CHUNK>(
    options: {
      /** `regenerate-message` asks for another answer. */
      trigger: 'submit-message' | 'regenerate-message'
      /** The id of the chat in the page. The transport always uses the id of the `loomChat`. */
      chatId: string
      /** The message to edit, to regenerate or to continue. */
      messageId: string | undefined
      /** The messages of the page. */
      messages: readonly SentMessage[]
      /** Closes the stream. The server continues with the answer. */
      abortSignal: AbortSignal | undefined
    } & CallOptions,
  ) => Promise<ReadableStream<CHUNK>>
  /**
   * Returns the chunks of the answer that runs, from its start, or null if none runs.
   * @throws LoomClientError if the server refuses the request
   */
  reconnectToStream: <CHUNK>(
    options: {
      /** The id of the chat in the page. The transport always uses the id of the `loomChat`. */
      chatId: string
      /** Closes the stream. */
      abortSignal?: AbortSignal | undefined
    } & CallOptions,
  ) => Promise<ReadableStream<CHUNK> | null>
}

interface TransportOptions extends Omit<ResumableFetchOptions, 'fetch'> {
  id: string
  /** Returns the fields of each posted body. */
  body: () => object
}

export class ChatTransport implements LoomTransport {
  readonly resumeStreamIsReplay = true
  readonly #requests: Requests
  readonly #options: TransportOptions
  readonly #fetch: typeof fetch
  /** Settles when the last post has a response. */
  #posted: Promise<unknown> = Promise.resolve()

  constructor(requests: Requests, options: TransportOptions) {
    this.#requests = requests
    this.#options = options
    this.#fetch = resumableFetch({ ...options, fetch: requests.fetch })
  }

  readonly sendMessages: LoomTransport['sendMessages'] = async (options) => {
    const { trigger, messageId, messages, abortSignal, headers, body } = options
    const { seen } = this.#requests
    const named = messages.findLast(({ id }) => id === messageId)
    // ai continues a message that is not the last one if its approval comes late.
    const message = named?.role === 'assistant' ? named : messages.at(-1)
    const isEdit = trigger === 'regenerate-message' || named?.role === 'user'
    const stream = seen.open(true)
    const request = this.#fetch(this.#requests.api, {
      method: 'POST',
      headers: withAccept(headers),
      signal: abortSignal ?? null,
      // `id` comes before `message`: `resumableFetch` finds it there if the response has no id.
      body: JSON.stringify({
        ...(isEdit && { lastMessageId: seen.last }),
        ...this.#options.body(),
        ...body,
        trigger,
        messageId,
        continues: hasAnswer(messages) || undefined,
        id: this.#options.id,
        message: message && postedForm(message),
      }),
    })
    this.#posted = request.catch(() => undefined)
    try {
      const response = await request
      if (!response.ok || response.body === null) throw await refusalOf(response)
      if (message !== undefined) seen.add(message.id)
      return chunksOf(response.body, stream)
    } catch (error) {
      // The page has removed messages for an edit that the server refuses.
      stream.onEnd(error instanceof LoomClientError && error.status === 409)
      throw this.#requests.refused(error)
    }
  }

  readonly reconnectToStream: LoomTransport['reconnectToStream'] = async (options) => {
    const { seen } = this.#requests
    const { onResume } = seen
    seen.onResume = undefined
    const stream = seen.open(false)
    try {
      const response = await this.#fetch(this.#requests.url('/stream'), {
        headers: withAccept(options.headers),
        signal: options.abortSignal ?? null,
      })
      if (!response.ok) throw await refusalOf(response)
      onResume?.(response.body !== null)
      if (response.body !== null) return chunksOf(response.body, stream)
      stream.onEnd()
      return null
    } catch (error) {
      stream.onEnd()
      throw this.#requests.refused(error)
    }
  }

  /** Posts a message without reading its answer. */
  async cast<FORM>(fields: object): Promise<FORM> {
    const response = await this.#fetch(this.#requests.api, {
      method: 'POST',
      headers: { accept: 'application/json', prefer: 'respond-async' },
      body: JSON.stringify({ ...this.#options.body(), id: this.#options.id, ...fields }),
    })
    if (!response.ok) throw this.#requests.refused(await refusalOf(response))
    const form: FORM = JSON.parse(await response.text())
    return form
  }

  /** Waits until the server has accepted the last post or the post has failed, but at most two seconds. */
  async accepted(): Promise<void> {
    await inTime(2000, this.#posted, () => {}).catch(() => undefined)
  }
}

/** Returns the chunks of a body, and notes the answers in them. */
const chunksOf = <CHUNK>(
  body: ReadableStream<Uint8Array>,
  { onStart, onEnd }: ReturnType<SeenAnswers['open']>,
): ReadableStream<CHUNK> =>
  chunkStream(body, {
    onChunk: ({ type, messageId }) => {
      if (type === 'start' && messageId !== undefined) onStart(messageId)
    },
    onEnd: (error) => onEnd(error instanceof TypeError || error instanceof LoomClientError),
  })

/** The response is a stream, and an error has a code. */
function withAccept(headers: CallOptions['headers']): Headers {
  const all = new Headers(headers)
  if (!all.has('accept')) all.set('accept', 'text/event-stream, application/json')
  return all
}

/** Whether the page shows an answer in this conversation. */
function hasAnswer(messages: readonly SentMessage[]): boolean {
  const first = messages.findIndex(({ role }) => role === 'user')
  return first >= 0 && messages.slice(first).some(({ role }) => role === 'assistant')
}

/** Of an answer, the server reads only the calls. */
function postedForm(message: SentMessage): SentMessage {
  const calls = message.parts.filter((part) => 'toolCallId' in part)
  return message.role === 'assistant' && calls.length > 0 ? { ...message, parts: calls } : message
}
