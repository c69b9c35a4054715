/**
 * `GET …/stream?follow=session` and `?follow=queue`: one stream that goes on across the messages of a
 * session. Each message begins with a `start` that has its `messageId` and ends with `finish`. A
 * `useChat` of ai 6 or 7 that resumes begins a new message at a `start` with another id (verified on
 * 6.0.326 and 7.0.173: `resetStateOnMessageIdChange`); ai 5 puts all into one, so `queue` is `message`
 * for the profile v5. `[DONE]` comes once, at the end of the stream. The stream of a session that is
 * deleted ends with an `error` event, so that no reader mixes it with a new session of the same id.
 */
import type { Context } from 'hono'

import { LoomError } from '../src/ground/error.ts'
import type { Place } from '../src/session/place.ts'
import { isAtRest } from '../src/session/readers.ts'
import type { ReadTo } from '../src/session/session-places.ts'
import type { SessionRecord } from '../src/store/session.ts'
import type { Reading } from '../src/wire/reading.ts'
import { deliverLog, openReader, type Reader, sendEvent } from './session-stream.ts'
import type { SessionWorld } from './session-world.ts'

/**
 * `message`: to the end of the message. `queue`: until nothing runs and no queued message will be
 * answered by itself. `session`: for as long as the reader stays.
 */
export type Follow = 'message' | 'queue' | 'session'

/** @throws LoomError `invalid-request` */
export function followOf(c: Context, { profile }: Reading): Follow {
  const follow = c.req.query('follow') ?? 'message'
  if (follow === 'queue' && profile === 'v5') return 'message'
  if (follow === 'message' || follow === 'queue' || follow === 'session') return follow
  throw new LoomError('invalid-request', 'follow must be message, queue or session.')
}

export interface FollowRequest {
  sessionId: string
  /** When the session was made; undefined where it is not there yet. */
  createdAt: number | undefined
  /** Where the first message is read from; undefined where none is unfinished. */
  place: Place | undefined
  /** What the reader has of it already. */
  cursor: string | undefined
  follow: Exclude<Follow, 'message'>
  reading: Reading
}

export function followSession(c: Context, world: SessionWorld, request: FollowRequest): Response {
  const reader = openReader(c, world, request.reading)
  const isUi = request.reading.protocol === 'ui'
  const follower = new Follower(world, request, reader, isUi && request.follow === 'session')
  void follower.run()
  return reader.reply.open()
}

class Follower {
  readonly #world: SessionWorld
  readonly #request: FollowRequest
  readonly #reader: Reader
  readonly #tellsMore: boolean
  #readTo: ReadTo | undefined
  #cursor: string
  #createdAt: number | undefined
  #toldQueue = ''

  /** @param tellsMore whether it sends the `data-` chunks, too */
  constructor(world: SessionWorld, request: FollowRequest, reader: Reader, tellsMore: boolean) {
    this.#world = world
    this.#request = request
    this.#reader = reader
    this.#tellsMore = tellsMore
    this.#cursor = request.cursor ?? ''
    this.#createdAt = request.createdAt
  }

  async run(): Promise<void> {
    const { report } = this.#world.loom
    const { reply } = this.#reader
    let isWhole = false
    try {
      isWhole = await this.#deliverAll()
    } catch (error) {
      // An instance that is going cuts the stream: the client continues at another one.
      const isLeaving = error instanceof LoomError && error.code === 'unavailable'
      const isGone = error instanceof LoomError && error.code === 'gone'
      if (isGone) {
        await reply.send({ type: 'error', errorText: error.message })
        await reply.send({ type: 'finish', finishReason: 'error' })
        isWhole = true
      } else if (!reply.closed.aborted && !isLeaving) report(error)
    } finally {
      reply.end(isWhole)
    }
  }

  async #deliverAll(): Promise<boolean> {
    const { readers } = this.#world.loom.sessions
    const { sessionId } = this.#request
    let { place } = this.#request
    // What was there before the reader came is history.
    if (place === undefined) this.#readTo = await readers.lastRead(sessionId)
    await this.#tellQueue()
    for (;;) {
      if (place !== undefined) {
        const { end, after, last } = await deliverLog(this.#world, sessionId, place, this.#reader)
        if (end === 'gone') {
          // A log that is gone is read on elsewhere, where there is its session.
          await readers.checkCreation(sessionId, this.#createdAt)
          return false
        }
        this.#readTo = { logId: place.logId, after }
        this.#cursor = last ?? this.#cursor
      }
      const signal = this.#reader.reply.closed
      const createdAt = this.#createdAt
      const waits = { signal, onIdle: this.#onIdle, createdAt }
      const next = await readers.next(sessionId, this.#readTo, waits)
      if (next === undefined) return true
      this.#createdAt = next.createdAt
      await this.#tellQueue()
      for (const message of next.userMessages) await this.#tell('data-user-message', message)
      place = next.place
    }
  }

  readonly #onIdle = async (session: SessionRecord | undefined): Promise<boolean> => {
    if (this.#request.follow === 'session') {
      await this.#tellQueue()
      return false
    }
    return isAtRest(session)
  }

  /** Where it has changed: what waits, as `GET …/messages` has it. */
  async #tellQueue(): Promise<void> {
    if (!this.#tellsMore) return
    const { readers } = this.#world.loom.sessions
    const { messages, held } = await readers.queueOf(this.#request.sessionId)
    // An id names one content.
    const queue = JSON.stringify([messages.map(({ id }) => id), held])
    if (queue === this.#toldQueue || (this.#toldQueue === '' && messages.length === 0)) return
    this.#toldQueue = queue
    await this.#tell('data-queue', { messages, held })
  }

  /** Outside the log, so its id is that of the event before: a reader that comes back misses nothing. */
  async #tell(type: `data-${string}`, data: unknown): Promise<void> {
    if (this.#tellsMore)
      await sendEvent(this.#reader, { type, data, transient: true }, this.#cursor)
  }
}
