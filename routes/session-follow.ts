/**
 * `GET …/stream?follow=session` and `?follow=queue`: one stream for several messages of a session.
 * Each message begins with a `start` that has its `messageId` and ends with `finish`. A `useChat`
 * of ai 6 or 7 that resumes begins a new message at a `start` with another id (verified on 6.0.326
 * and 7.0.173: `resetStateOnMessageIdChange`). ai 5 puts all into one message, so `queue` equals
 * `message` for the profile v5. `[DONE]` comes once, at the end of the stream. The stream of a
 * deleted session ends with an `error` event, so that no reader mixes it with a new session of the
 * same id.
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
 * The end of the stream. `message`: at the end of the message. `queue`: when no turn runs and no
 * queued message will get an answer without another request. `session`: when the reader closes the
 * connection.
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
  /** The time at which the session was created. Undefined if it does not exist yet. */
  createdAt: number | undefined
  /** The place in the log of the first message. Undefined if no message is unfinished. */
  place: Place | undefined
  /** The cursor of the last event that the reader already has. */
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
  readonly #sendsData: boolean
  #readTo: ReadTo | undefined
  #cursor: string
  #createdAt: number | undefined
  #lastQueue = ''

  /** @param sendsData true if the stream also has the `data-` chunks */
  constructor(world: SessionWorld, request: FollowRequest, reader: Reader, sendsData: boolean) {
    this.#world = world
    this.#request = request
    this.#reader = reader
    this.#sendsData = sendsData
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
      // An instance that shuts down cuts the stream. The client continues on another instance.
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
    // Messages from before this request are history.
    if (place === undefined) this.#readTo = await readers.lastRead(sessionId)
    await this.#sendQueue()
    for (;;) {
      if (place !== undefined) {
        const { end, after, last } = await deliverLog(this.#world, sessionId, place, this.#reader)
        if (end === 'gone') {
          // A missing log continues on another instance, if its session still exists.
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
      await this.#sendQueue()
      for (const message of next.userMessages) await this.#send('data-user-message', message)
      place = next.place
    }
  }

  readonly #onIdle = async (session: SessionRecord | undefined): Promise<boolean> => {
    if (this.#request.follow === 'session') {
      await this.#sendQueue()
      return false
    }
    return isAtRest(session)
  }

  /** Sends the queue, in the form of `GET …/messages`, if it has changed. */
  async #sendQueue(): Promise<void> {
    if (!this.#sendsData) return
    const { readers } = this.#world.loom.sessions
    const { messages, held } = await readers.queueOf(this.#request.sessionId)
    // A message with the same id has the same content.
    const queue = JSON.stringify([messages.map(({ id }) => id), held])
    if (queue === this.#lastQueue || (this.#lastQueue === '' && messages.length === 0)) return
    this.#lastQueue = queue
    await this.#send('data-queue', { messages, held })
  }

  /**
   * Sends a chunk that is not in the log. It carries the id of the event before it, so a reader
   * that comes back misses nothing.
   */
  async #send(type: `data-${string}`, data: unknown): Promise<void> {
    if (this.#sendsData)
      await sendEvent(this.#reader, { type, data, transient: true }, this.#cursor)
  }
}
