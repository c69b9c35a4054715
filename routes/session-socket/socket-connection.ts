/**
 * One open WebSocket: reads the requests of its client, dispatches each to the app, and sends the chunks of the
 * answers. A closed socket ends no answer, as a closed stream of HTTP ends none.
 */
import { LoomError } from '../../src/ground/error.ts'
import type { Principal } from '../../src/ground/principal.ts'
import type { OpenSocket, SocketUpgrade } from '../../src/wire/socket-upgrade.ts'
import { noteCarried } from '../carried-request.ts'
import { chunksOf } from './answer-chunks.ts'
import {
  errorIn,
  FrameFault,
  postedIn,
  readFrame,
  type ResumeFrame,
  type SendFrame,
} from './frame.ts'
import type { InnerRequests } from './inner-request.ts'

/** The answers that one socket may carry at once. */
const requestsMax = 16

/** The unsent bytes above which an answer waits for its reader. */
const bufferedBytesMax = 256 * 1024

/** The time without a request after which a socket is closed. The client opens another one with its next request. */
const idleMs = 10 * 60_000

const continues = 'The answer continues: connect again and resume.'

export interface ConnectionOptions {
  socket: OpenSocket
  fetch: SocketUpgrade['fetch']
  requests: InnerRequests
  /** The bindings of the dispatched requests. */
  bindings: object
  /** The session of the address. */
  sessionId: string
  /** The principal of the handshake. */
  principal: Principal
  keepsHistory: () => boolean
  /** Whether the client stops an answer when it aborts its request. */
  stopsOnAbort: boolean
  keepAliveMs: number
  report: (error: unknown) => void
}

export class SocketConnection {
  readonly #options: ConnectionOptions
  readonly #socket: OpenSocket
  readonly #requests = new Map<string, AbortController>()
  #timer: NodeJS.Timeout | undefined
  #inbox: Promise<void> = Promise.resolve()
  #isLeaving = false
  #isClosed = false
  #isAlive = true
  #buffered = 0
  #usedAt = performance.now()
  /** The answer whose stream is that of the socket. */
  #first: string | undefined

  constructor(options: ConnectionOptions) {
    this.#options = options
    this.#socket = options.socket
  }

  /** Begins to read the messages of the client. */
  open(): void {
    this.#timer = setInterval(() => this.#check(), this.#options.keepAliveMs)
    this.#socket.listen({
      onMessage: (bytes, isBinary) => this.#receive(bytes, isBinary),
      onPong: () => {
        this.#isAlive = true
      },
      onLeave: () => {
        this.#isLeaving = true
        this.#closeIfDone()
      },
      onEnd: () => this.#socket.close(1012, continues),
      onClose: () => this.#end(),
    })
  }

  /** One message after the other is read. The client does not send more than the connection holds. */
  #receive(bytes: Uint8Array, isBinary: boolean): void {
    this.#isAlive = true
    if (isBinary) return this.#socket.close(1003, 'Send messages of text.')
    this.#socket.pause()
    this.#inbox = this.#inbox
      .then(() => this.#read(bytes))
      .catch((error: unknown) => {
        this.#options.report(error)
        this.#socket.close(1011, 'The server failed. Connect again.')
      })
      .finally(() => {
        if (!this.#isClosed) this.#socket.resume()
      })
  }

  async #read(bytes: Uint8Array): Promise<void> {
    const frame = await readFrame(bytes, this.#options.keepsHistory())
    if (this.#isClosed) return
    this.#usedAt = performance.now()
    if (frame instanceof FrameFault) return this.#refuse(frame.requestId, frame.error)
    if (frame.type === 'abort') return this.#abort(frame.requestId)
    const { requestId } = frame
    const refusal = this.#refusalOf(frame)
    if (refusal !== undefined) return this.#refuse(requestId, refusal)
    const controller = new AbortController()
    this.#requests.set(requestId, controller)
    void this.#answer(frame, controller.signal)
      .catch((error: unknown) => this.#fail(error, controller.signal))
      .finally(() => {
        this.#requests.delete(requestId)
        if (this.#first === requestId) this.#first = undefined
        this.#usedAt = performance.now()
        this.#closeIfDone()
      })
  }

  #refusalOf({ id, requestId }: SendFrame | ResumeFrame): LoomError | undefined {
    const { sessionId } = this.#options
    if (id !== sessionId) {
      return new LoomError(
        'invalid-request',
        `This socket is for the chat of its address, and the id of the request is another one. Open the socket of the other chat.`,
      )
    }
    if (this.#requests.has(requestId)) {
      return new LoomError('invalid-request', 'A request with this requestId is still open.')
    }
    if (this.#requests.size < requestsMax) return undefined
    return new LoomError(
      'limited',
      `A socket carries at most ${requestsMax} answers at once. Wait until one of them has ended.`,
      { retryable: true, retryAfterMs: 1000 },
    )
  }

  async #answer(frame: SendFrame | ResumeFrame, signal: AbortSignal): Promise<void> {
    const { requests, fetch, bindings, principal } = this.#options
    const { requestId } = frame
    const ended = Promise.withResolvers<void>()
    const isFirst = this.#first === undefined
    if (isFirst) this.#first = requestId
    const request =
      frame.type === 'send' ? requests.post(frame, signal) : requests.resume(frame, signal)
    noteCarried(request, {
      posted: frame.type === 'send' ? postedIn(frame) : undefined,
      streamOf: isFirst ? principal : undefined,
      ended: ended.promise,
    })
    try {
      const response = await fetch(request, bindings)
      await this.#deliver(frame, response, signal)
    } finally {
      ended.resolve()
    }
  }

  async #deliver(
    frame: SendFrame | ResumeFrame,
    response: Response,
    signal: AbortSignal,
  ): Promise<void> {
    const { requestId } = frame
    if (response.status === 204) return this.#send({ type: 'no-active', requestId })
    if (!response.ok || response.body === null) {
      return this.#send({ type: 'error', requestId, ...(await errorIn(response)) })
    }
    this.#send({ type: 'start', requestId })
    const reader: ReadableStreamDefaultReader<Uint8Array> = response.body.getReader()
    const cancel = () => void reader.cancel().catch(() => {})
    if (signal.aborted) cancel()
    signal.addEventListener('abort', cancel, { once: true })
    try {
      await this.#sendChunks(frame, reader, signal)
    } finally {
      signal.removeEventListener('abort', cancel)
      cancel()
    }
  }

  async #sendChunks(
    frame: SendFrame | ResumeFrame,
    reader: ReadableStreamDefaultReader<Uint8Array>,
    signal: AbortSignal,
  ): Promise<void> {
    const { requestId } = frame
    const known = frame.type === 'resume' ? (frame.lastSequence ?? -1) : -1
    const head = `{"type":"chunk","requestId":${JSON.stringify(requestId)},"sequence":`
    const chunks = chunksOf(reader)
    for (let sequence = 0; ; sequence++) {
      const next = await chunks.next()
      if (signal.aborted) return
      if (next.done === true) {
        if (next.value) return this.#send({ type: 'end', requestId })
        // Its client reads on with a new socket, as it does after a stream of HTTP that was cut.
        throw new Error('The stream of the answer was cut.')
      }
      if (sequence <= known) continue
      const text = `${head}${sequence},"chunk":${next.value}}`
      if (this.#socket.bufferedAmount <= bufferedBytesMax) this.#socket.send(text)
      else await new Promise<void>((resolve) => this.#socket.send(text, resolve))
    }
  }

  /** A stream that breaks closes the socket: the client takes an `error` for the end of the answer. */
  #fail(error: unknown, signal: AbortSignal): void {
    if (signal.aborted || this.#isClosed) return
    if (error instanceof TypeError) this.#options.report(error)
    this.#socket.close(1012, continues)
  }

  #abort(requestId: string): void {
    const controller = this.#requests.get(requestId)
    if (controller === undefined) return
    controller.abort()
    if (this.#options.stopsOnAbort) void this.#stop().catch(this.#options.report)
  }

  async #stop(): Promise<void> {
    const { requests, fetch, bindings } = this.#options
    const request = requests.stop()
    noteCarried(request, { posted: undefined, streamOf: undefined, ended: Promise.resolve() })
    const response = await fetch(request, bindings)
    await response.body?.cancel()
  }

  #refuse(requestId: string, { code, message, retryAfterMs }: LoomError): void {
    this.#send({
      type: 'error',
      requestId,
      errorText: message,
      code,
      ...(retryAfterMs !== undefined && { retryAfterMs }),
    })
  }

  #send(frame: object): void {
    if (!this.#isClosed) this.#socket.send(JSON.stringify(frame))
  }

  #closeIfDone(): void {
    if (!this.#isLeaving || this.#isClosed || this.#requests.size > 0) return
    this.#socket.close(1012, 'The server restarts: connect again.')
  }

  /** A client that takes no bytes and answers no ping is gone. */
  #check(): void {
    const { bufferedAmount } = this.#socket
    const isTaking = bufferedAmount < this.#buffered
    this.#buffered = bufferedAmount
    if (!this.#isAlive && !isTaking) return this.#socket.terminate()
    if (this.#requests.size === 0 && performance.now() - this.#usedAt > idleMs) {
      return this.#socket.close(1000, 'The socket was idle.')
    }
    this.#isAlive = false
    this.#socket.ping()
  }

  #end(): void {
    this.#isClosed = true
    clearInterval(this.#timer)
    for (const controller of this.#requests.values()) controller.abort()
  }
}
