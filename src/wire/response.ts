/**
 * Streams the events of a turn to one HTTP reader. All events of one turn of the event loop become
 * one write, because a write is the larger part of the cost of a token. Below `maxBufferedBytes`
 * the turn never waits for a slow reader. Above, the turn waits, and a reader that then reads
 * nothing at all is dropped.
 */
import { setImmediate as nextTurn } from 'node:timers/promises'

import type { Context } from 'hono'

import type { AgentEvent, LogEvent } from '../event.ts'
import { LoomError } from '../ground/error.ts'
import type { Encoder } from './frames.ts'
import type { LargeFrame } from './large-frame.ts'
import { openPipe } from './open-pipe.ts'
import type { Pipe } from './pipe.ts'

/** The options of a streamed response. */
export interface ResponseOptions {
  /** Encodes the events for the protocol and the profile of the reader. */
  encoder: Encoder
  /** The silence on the stream before a comment is sent, in milliseconds. @defaultValue 15000 */
  keepAliveMs?: number
  /** The bytes that may wait for a slow reader before the turn waits too. @defaultValue 4 MiB */
  maxBufferedBytes?: number
  /**
   * The time without a read after which a reader that delays the turn is dropped, in milliseconds.
   * @defaultValue 10000
   */
  stallMs?: number
  /** Returns the next SSE `id` if `send` receives none. @defaultValue start time and a count */
  nextCursor?: () => string
}

// Joined writes stay so small that the socket accepts them at once.
const flushAtLength = 65_536

export class ResponseSink {
  readonly #encoder: Encoder
  readonly #keepAliveMs: number
  readonly #maxBufferedBytes: number
  readonly #stallMs: number
  readonly #nextCursor: () => string
  readonly #pipe: Pipe
  readonly #reader = new AbortController()

  #pending = ''
  #flush: NodeJS.Immediate | undefined
  #state: 'open' | 'finished' | 'failed' | 'ended' = 'open'
  #wroteAt = 0
  /** A comment must not be inside a frame. */
  #isInFrame = false
  #timer: NodeJS.Timeout | undefined
  #backpressure: { promise: Promise<void>; resolve: () => void; bytes: number } | undefined

  constructor(c: Context, options: ResponseOptions) {
    this.#encoder = options.encoder
    this.#keepAliveMs = options.keepAliveMs ?? 15_000
    this.#maxBufferedBytes = options.maxBufferedBytes ?? 4 * 1024 * 1024
    this.#stallMs = options.stallMs ?? 10_000
    this.#nextCursor = options.nextCursor ?? cursorsFrom(Date.now())
    this.#pipe = openPipe(c, options.encoder.headers, {
      onDrain: () => this.#release(),
      onGone: () => this.#close('The reader disconnected.'),
      onStall: () => this.#drop(),
    })
  }

  /** Aborted when the reader is gone or was dropped before the end. */
  get closed(): AbortSignal {
    return this.#reader.signal
  }

  /** Begins the answer. After this, only the stream can report a failure. */
  open(): Response {
    if (this.#state !== 'ended') {
      this.#flush ??= setImmediate(this.#write)
      this.#timer = setTimeout(this.#keepAlive, this.#keepAliveMs)
    }
    return this.#pipe.response
  }

  /** Sends an event. A returned promise settles when the reader has caught up. */
  readonly send = (event: AgentEvent, cursor = this.#nextCursor()): void | Promise<void> => {
    if (this.#isOver) return undefined
    return this.sendEncoded(event, this.#encoder.encode(event, cursor))
  }

  /** Sends an event with bytes from an encoder like this reader's own. */
  sendEncoded(event: LogEvent, frame: string | undefined): void | Promise<void> {
    if (this.#isOver) return undefined
    if (event.type === 'finish' && this.#state === 'open') this.#state = 'finished'
    if (event.type === 'error' && !this.#encoder.reportsErrors) this.#state = 'failed'
    if (frame === undefined) return this.#backpressure?.promise
    this.#pending += frame
    this.#flush ??= setImmediate(this.#write)
    if (this.#pending.length >= flushAtLength) this.#write()
    return this.#backpressure?.promise
  }

  /** Sends a frame in pieces. Nothing else may be sent before the promise settles. */
  async sendPieces(frame: LargeFrame): Promise<void> {
    this.#isInFrame = true
    try {
      for (const piece of frame.pieces()) {
        if (this.#isOver) return
        this.#pending += piece
        if (this.#pending.length < flushAtLength) continue
        this.#write()
        await (this.#backpressure?.promise ?? nextTurn())
      }
      if (!this.#isOver) this.#flush ??= setImmediate(this.#write)
    } finally {
      this.#isInFrame = false
    }
  }

  /**
   * Ends the answer. It is complete if its `finish` was sent. Otherwise the connection is cut,
   * because every client takes a clean end for success.
   * @param isWhole the caller's own decision: a reader that resumes may already have the `finish`,
   * and a message that waited has more than one
   */
  end(isWhole = this.#state === 'finished'): void {
    if (this.#isOver) return
    const whole = isWhole && this.#state !== 'failed'
    const text = this.#pending
    this.#settle()
    if (whole) this.#pipe.end(text + this.#encoder.last)
    else this.#pipe.cut(text)
    // The last bytes have a time limit too.
    this.#pipe.watch(this.#stallMs)
  }

  /** Ends the answer at once: its reader may not read on. `closed` is aborted. */
  cut(reason: string): void {
    this.#close(reason)
    this.#pipe.destroy()
  }

  get #isOver(): boolean {
    return this.closed.aborted || this.#state === 'ended'
  }

  readonly #write = (): void => {
    clearImmediate(this.#flush)
    this.#flush = undefined
    const text = this.#pending
    this.#pending = ''
    if (text === '') this.#pipe.open()
    else this.#pipe.write(text)
    this.#wroteAt = performance.now()
    this.#bound()
  }

  #bound(): void {
    const { buffered } = this.#pipe
    if (buffered <= this.#maxBufferedBytes) return
    if (this.#backpressure === undefined) {
      const { promise, resolve } = Promise.withResolvers<void>()
      this.#backpressure = { promise, resolve, bytes: buffered }
      this.#pipe.watch(this.#stallMs)
    } else if (buffered > this.#backpressure.bytes + this.#maxBufferedBytes) {
      // A turn that does not wait for its sink, such as one with many tools, must not fill the
      // memory.
      this.#drop()
    }
  }

  #release(): void {
    if (this.#backpressure === undefined) return
    this.#pipe.watch(0)
    this.#backpressure.resolve()
    this.#backpressure = undefined
  }

  /** Each stream has one timer, which is set again only when it fires. A write only stores its time. */
  readonly #keepAlive = (): void => {
    const idleMs = performance.now() - this.#wroteAt
    const due = idleMs >= this.#keepAliveMs
    // A comment after unread bytes would only hide the stall.
    if (due && !this.#isInFrame && this.#pipe.buffered === 0) {
      this.#pending += this.#encoder.keepAlive ?? ''
      if (this.#pending !== '') this.#write()
    }
    const waitMs = due ? this.#keepAliveMs : this.#keepAliveMs - idleMs
    this.#timer = setTimeout(this.#keepAlive, Math.ceil(waitMs))
  }

  #drop(): void {
    this.#close('The reader did not read and was dropped.')
    this.#pipe.destroy()
  }

  #close(reason: string): void {
    const ended = this.#state === 'ended'
    this.#settle()
    if (!ended) this.#reader.abort(new LoomError('aborted', reason))
  }

  #settle(): void {
    this.#state = 'ended'
    this.#pending = ''
    clearImmediate(this.#flush)
    clearTimeout(this.#timer)
    this.#backpressure?.resolve()
    this.#backpressure = undefined
  }
}

/** Returns ids in the form of a log's cursors: the log, the entry, and the event in the entry. */
function cursorsFrom(startedMs: number): () => string {
  let entries = 0
  return () => `${startedMs}-${entries++}.0`
}
