/**
 * A browser tab like `useChat` of ai 7: the real transport and the real reader of the AI SDK, over
 * Loom's `resumableFetch` or over a plain `fetch`. It tries the addresses in turn, like a balancer.
 */
import { DefaultChatTransport, readUIMessageStream, type UIMessage, type UIMessageChunk } from 'ai'

import { resumableFetch } from '../../src/client.ts'
import type { QueueOnStop, WhenBusy } from '../../src/store/letter.ts'
import { within } from '../deadline.ts'
import { userMessage } from './world.ts'

export interface TabOptions {
  /** The addresses in the order of the attempts, read for every request. */
  urls: readonly string[]
  /** @defaultValue true */
  resumes?: boolean
  /** The silence after which a connection counts as broken, in milliseconds. */
  silenceMs?: number
  /** @defaultValue 'v7', which leaves nothing out */
  profile?: 'v6' | 'v7'
  headers?: Record<string, string>
}

export interface Tab {
  /** Posts a message, and reads the answer to its end. */
  send(chatId: string, text: string, more?: Sending): Answer
  /** Does the same as `useChat({ resume: true })`. Returns undefined if no turn runs. */
  reattach(chatId: string, more?: Watching): Answer
}

interface Watching {
  onChunk?: (chunk: UIMessageChunk) => void
}

interface Sending extends Watching {
  messageId?: string
  messages?: UIMessage[]
}

export interface Answer {
  /** Rejects if the client would show an error. */
  message: Promise<UIMessage | undefined>
}

export function openTab(options: TabOptions): Tab {
  const { urls, resumes = true, silenceMs = 10_000, profile = 'v7', headers = {} } = options
  const balanced = balancedFetch(urls)
  const transport = new DefaultChatTransport({
    api: `http://any/api/chat?profile=${profile}`,
    fetch: resumes
      ? resumableFetch({ fetch: balanced, pauseMs: 20, attempts: 30, silenceMs })
      : balanced,
    headers,
    prepareReconnectToStreamRequest: ({ id }) => ({
      api: `http://any/api/chat/${id}/stream?profile=${profile}`,
    }),
  })
  return {
    send: (chatId, text, { messageId, messages = [], onChunk } = {}) =>
      answerOf(
        transport.sendMessages({
          chatId,
          trigger: 'submit-message',
          messageId: undefined,
          messages: [...messages, userMessage(text, messageId)],
          abortSignal: undefined,
        }),
        onChunk,
      ),
    reattach: (chatId, { onChunk } = {}) =>
      answerOf(transport.reconnectToStream({ chatId }), onChunk),
  }
}

function answerOf(
  stream: Promise<ReadableStream<UIMessageChunk> | null>,
  onChunk: Watching['onChunk'],
): Answer {
  const message = within(20_000, 'the answer', readAll(stream, onChunk))
  // The caller handles the result later.
  message.catch(() => {})
  return { message }
}

async function readAll(
  opened: Promise<ReadableStream<UIMessageChunk> | null>,
  onChunk: Watching['onChunk'] = () => {},
): Promise<UIMessage | undefined> {
  const chunks = await opened
  if (chunks === null) return undefined
  const told = new TransformStream<UIMessageChunk, UIMessageChunk>({
    transform(chunk, controller) {
      onChunk(chunk)
      controller.enqueue(chunk)
    },
  })
  let last: UIMessage | undefined
  const stream = chunks.pipeThrough(told)
  for await (const message of readUIMessageStream({ stream, terminateOnError: true })) {
    last = message
  }
  return last
}

/** The first address that answers. An address that fails is tried last from then on. */
export function balancedFetch(urls: readonly string[]): typeof fetch {
  let order = [...urls]
  return async (input, init) => {
    const address = input instanceof Request ? input.url : input.toString()
    const path = address.slice('http://any'.length)
    for (const [index, url] of order.entries()) {
      try {
        return await fetch(url + path, init)
      } catch (error) {
        order = [...order.filter((other) => other !== url), url]
        if (index === order.length - 1 || init?.signal?.aborted === true) throw error
      }
    }
    throw new Error('there is no address')
  }
}

// Requests of a test to the server itself

export interface CastOptions {
  messageId?: string
  whenBusy?: WhenBusy
  headers?: Record<string, string>
}

/** Posts a message and does not wait for the answer. */
export function post(
  url: string,
  chatId: string,
  text: string,
  { messageId, whenBusy, headers }: CastOptions = {},
): Promise<Response> {
  return fetch(`${url}/api/chat`, {
    method: 'POST',
    headers: { prefer: 'respond-async', ...headers },
    body: JSON.stringify({ id: chatId, messages: [userMessage(text, messageId)], whenBusy }),
  })
}

/** Posts a message that must be accepted. */
export async function cast(
  url: string,
  chatId: string,
  text: string,
  options: CastOptions = {},
): Promise<void> {
  const response = await post(url, chatId, text, options)
  const said = await response.text()
  if (response.status !== 202) throw new Error(`${response.status}: ${said}`)
}

/** @returns whether a turn was stopped */
export async function stopTurn(url: string, chatId: string, queue?: QueueOnStop): Promise<boolean> {
  const address = `${url}/api/chat/${chatId}/stop`
  const request = {
    method: 'POST',
    ...(queue !== undefined && { body: JSON.stringify({ queue }) }),
  }
  const { stopped } = await json<{ stopped: boolean }>(await fetch(address, request))
  return stopped
}

/** The history, as a tab of that profile loads it. */
export const messagesOf = async (
  url: string,
  chatId: string,
  profile: TabOptions['profile'] = 'v7',
): Promise<UIMessage[]> =>
  json(await fetch(`${url}/api/chat/${chatId}/messages?profile=${profile}`))

export const stateOf = async (url: string, chatId: string): Promise<string> => {
  const { state } = await json<{ state: string }>(await fetch(`${url}/api/chat/${chatId}`))
  return state
}

/** The tests of the server check its JSON. */
async function json<VALUE>(response: Response): Promise<VALUE> {
  const text = await response.text()
  if (!response.ok) throw new Error(`${response.status}: ${text}`)
  const value: VALUE = JSON.parse(text)
  return value
}
