/**
 * One reader of a whole session: it reads the logs of its messages, one after the other. Over HTTP it is
 * `GET …/stream?follow=session` and `?follow=queue`, in code `AgentSession.follow`.
 */
import type { Sessions } from '../sessions.ts'
import type { SessionRecord } from '../store/session.ts'
import type { Place } from './place.ts'
import { isAtRest } from './readers.ts'
import type { ReadTo } from './session-places.ts'
import type { FollowEnd } from './tail-reader.ts'

/**
 * The end of a reading of several messages. `queue`: when no turn runs and no queued message will get an
 * answer without another request. `session`: when the reader ends it.
 */
export type FollowScope = 'queue' | 'session'

export interface FollowedSession {
  sessionId: string
  /** The time at which the session was created. Undefined if it does not exist yet. */
  createdAt: number | undefined
  /** The place in the log of the first message. Undefined if no message is unfinished. */
  place: Place | undefined
  scope: FollowScope
}

/** The reader of the logs. */
export interface SessionReading {
  /** Ends the reading. */
  signal: AbortSignal
  /** Delivers a log from a place to its end. `after` is the last entry that was read. */
  deliverLog: (place: Place) => Promise<{ end: FollowEnd; after: string | undefined }>
  /** Sends data that is not in a log. Undefined if the reader needs none. */
  sendData: ((type: 'data-queue' | 'data-user-message', data: unknown) => Promise<void>) | undefined
}

export class SessionFollower {
  readonly #sessions: Sessions
  readonly #followed: FollowedSession
  readonly #reading: SessionReading
  #readTo: ReadTo | undefined
  #createdAt: number | undefined
  #lastQueue = ''

  constructor(sessions: Sessions, followed: FollowedSession, reading: SessionReading) {
    this.#sessions = sessions
    this.#followed = followed
    this.#reading = reading
    this.#createdAt = followed.createdAt
  }

  /**
   * Reads to the end. Returns false if a log is gone although its session still exists: the reader finds it
   * again on another instance.
   * @throws LoomError `unavailable` if this instance shuts down; `gone` if the session was deleted or has
   * expired, also if a new session has its id; the reason of the signal
   */
  async run(): Promise<boolean> {
    const { readers } = this.#sessions
    const { sessionId } = this.#followed
    let { place } = this.#followed
    // Messages from before this request are history.
    if (place === undefined) this.#readTo = await readers.lastRead(sessionId)
    await this.#sendQueue()
    for (;;) {
      if (place !== undefined) {
        const { end, after } = await this.#reading.deliverLog(place)
        if (end === 'gone') {
          // A missing log continues on another instance, if its session still exists.
          await readers.checkCreation(sessionId, this.#createdAt)
          return false
        }
        this.#readTo = { logId: place.logId, after }
      }
      const { signal } = this.#reading
      const waits = { signal, onIdle: this.#onIdle, createdAt: this.#createdAt }
      const next = await readers.next(sessionId, this.#readTo, waits)
      if (next === undefined) return true
      this.#createdAt = next.createdAt
      await this.#sendQueue()
      for (const message of next.userMessages) {
        await this.#reading.sendData?.('data-user-message', message)
      }
      place = next.place
    }
  }

  readonly #onIdle = async (session: SessionRecord | undefined): Promise<boolean> => {
    if (this.#followed.scope === 'session') {
      await this.#sendQueue()
      return false
    }
    return isAtRest(session)
  }

  /** Sends the queue, in the form of `GET …/messages`, if it has changed. */
  async #sendQueue(): Promise<void> {
    const { sendData } = this.#reading
    if (sendData === undefined) return
    const { messages, held } = await this.#sessions.readers.queueOf(this.#followed.sessionId)
    // A message with the same id has the same content.
    const queue = JSON.stringify([messages.map(({ id }) => id), held])
    if (queue === this.#lastQueue || (this.#lastQueue === '' && messages.length === 0)) return
    this.#lastQueue = queue
    await sendData('data-queue', { messages, held })
  }
}
