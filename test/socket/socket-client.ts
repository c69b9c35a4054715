/** Clients of the WebSocket of a chat: the chat of AI SDK 7 with its own transport, and a raw socket. */
import * as ai7 from 'ai'
import { WebSocket } from 'ws'

import { within } from '../deadline.ts'

class Chat extends ai7.AbstractChat<ai7.UIMessage> {}

class ChatState {
  status: ai7.ChatStatus = 'ready'
  error: Error | undefined = undefined
  messages: ai7.UIMessage[] = []

  readonly pushMessage = (message: ai7.UIMessage) => {
    this.messages = [...this.messages, message]
  }
  readonly popMessage = () => {
    this.messages = this.messages.slice(0, -1)
  }
  readonly replaceMessage = (index: number, message: ai7.UIMessage) => {
    this.messages = this.messages.with(index, structuredClone(message))
  }
  readonly snapshot = <THING>(thing: THING): THING => structuredClone(thing)
}

export interface SocketChat {
  chat: Chat
  transport: ai7.WebSocketChatTransport<ai7.UIMessage>
}

type TransportOptions = ConstructorParameters<typeof ai7.WebSocketChatTransport<ai7.UIMessage>>[0]

const socketUrl = (api: string, id: string, query = '') =>
  `${api.replace(/^http/, 'ws')}/${id}/socket${query}`

/** @param api the address of posts, such as http://127.0.0.1:3000/api/chat */
export function openChat(
  api: string,
  id: string,
  options: Partial<TransportOptions> & { query?: string } = {},
): SocketChat {
  const { query, ...more } = options
  const transport = new ai7.WebSocketChatTransport<ai7.UIMessage>({
    url: socketUrl(api, id, query),
    ...more,
  })
  const chat = new Chat({
    id,
    state: new ChatState(),
    transport,
    sendAutomaticallyWhen: (state) =>
      ai7.lastAssistantMessageIsCompleteWithToolCalls(state) ||
      ai7.lastAssistantMessageIsCompleteWithApprovalResponses(state),
  })
  return { chat, transport }
}

export interface RawFrame {
  type: string
  requestId?: string
  sequence?: number
  chunk?: { type: string; delta?: string }
  errorText?: string
  code?: string
}

/** A client that writes any message, and keeps what it receives. */
export interface RawSocket extends Disposable {
  readonly frames: readonly RawFrame[]
  /** Resolves with the code. */
  readonly closed: Promise<number>
  send: (frame: object | string | Uint8Array) => void
  pause: () => void
  /** Waits for a message. */
  next: (label: string, matches: (frame: RawFrame) => boolean) => Promise<RawFrame>
  close: () => void
  terminate: () => void
}

export interface RawOptions {
  headers?: Record<string, string>
  protocols?: string[]
  query?: string
}

/** Rejects with the status and the body of a refusal. */
export async function openRaw(
  api: string,
  id: string,
  { headers = {}, protocols = [], query }: RawOptions = {},
): Promise<RawSocket> {
  const socket = new WebSocket(socketUrl(api, id, query), protocols, { headers })
  const frames: RawFrame[] = []
  const waiting = new Set<() => void>()
  const closed = Promise.withResolvers<number>()
  const opened = Promise.withResolvers<void>()
  socket.on('message', (data: Buffer) => {
    frames.push(JSON.parse(data.toString()))
    for (const check of waiting) check()
  })
  socket.on('close', (code) => closed.resolve(code))
  socket.on('error', (error) => opened.reject(error))
  socket.on('open', () => opened.resolve())
  socket.on('unexpected-response', (_request, response) => {
    let text = ''
    response.setEncoding('utf8').on('data', (piece: string) => (text += piece))
    response.on('end', () => opened.reject(new Error(`${response.statusCode} ${text}`)))
  })
  await within(10_000, 'the socket opens', opened.promise)
  return {
    frames,
    closed: closed.promise,
    send: (frame) =>
      socket.send(
        typeof frame === 'string' || frame instanceof Uint8Array ? frame : JSON.stringify(frame),
      ),
    pause: () => socket.pause(),
    next(label, matches) {
      const { promise, resolve } = Promise.withResolvers<RawFrame>()
      const check = () => {
        const found = frames.find(matches)
        if (found === undefined) return
        waiting.delete(check)
        resolve(found)
      }
      waiting.add(check)
      check()
      return within(10_000, label, promise)
    },
    close: () => socket.close(),
    terminate: () => socket.terminate(),
    [Symbol.dispose]: () => socket.terminate(),
  }
}

/** The message of a client that posts a text. */
export const sending = (id: string, requestId: string, text: string, more: object = {}) => ({
  type: 'send',
  requestId,
  id,
  trigger: 'submit-message',
  messages: [{ id: `message-${requestId}`, role: 'user', parts: [{ type: 'text', text }] }],
  headers: {},
  body: {},
  ...more,
})

export const resuming = (id: string, requestId: string, more: object = {}) => ({
  type: 'resume',
  requestId,
  id,
  headers: {},
  body: {},
  ...more,
})

/** The text that a request received, without the steps that were withdrawn. */
export function textOf(frames: readonly RawFrame[], id: string): string {
  let steps: string[] = ['']
  for (const { requestId, chunk } of frames) {
    if (requestId !== id || chunk === undefined) continue
    if (chunk.type === 'start-step') steps.push('')
    if (chunk.type === 'reset-step') steps = [...steps.slice(0, -1), '']
    if (chunk.type === 'text-delta') steps.push(`${steps.pop()}${chunk.delta}`)
  }
  return steps.join('')
}

export const messageText = (message: ai7.UIMessage | undefined): string =>
  (message?.parts ?? []).map((part) => (part.type === 'text' ? part.text : '')).join('')
