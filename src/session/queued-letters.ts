/**
 * Letters that wait in mailboxes, watched once here for all who wait for their turns: one subscription
 * and one look a session, however many readers and letters. A running turn gives a hint with every word,
 * so a look asks the store after the letters only where the turn or the queue has changed.
 */
import { setTimeout as delay } from 'node:timers/promises'

import { LoomError } from '../ground/error.ts'
import type { HintSource } from '../store/hint.ts'
import type { LetterPlace, MailboxStore } from '../store/mailbox.ts'
import type { SessionReader } from '../store/session.ts'

export interface QueuedLettersOptions {
  store: Pick<MailboxStore, 'findLetter'> & SessionReader & HintSource
  /** How long a hint is waited for before the store is asked again, in milliseconds. */
  pollMs: number
  /** How long a store is waited for that can be read and takes nothing (it is full), in milliseconds. */
  patienceMs: number
  /** Looks after a turn whose owner may be gone. @returns false when the store takes nothing */
  lookAfter: (sessionId: string) => Promise<boolean>
}

/** The least time between two looks at a session, in milliseconds. */
const lookAtMostEveryMs = 25

export class QueuedLetters {
  readonly #options: QueuedLettersOptions
  readonly #watches = new Map<string, QueueWatch>()

  constructor(options: QueuedLettersOptions) {
    this.#options = options
  }

  /** How many sessions are watched. */
  get size(): number {
    return this.#watches.size
  }

  /**
   * Waits until a letter is out of the mailbox: its turn has begun, the running one has taken it, or
   * it was withdrawn or cut.
   * @returns where it is then; undefined when the session does not know it (any more)
   * @throws LoomError `unavailable` when the store takes nothing; the signal's reason
   */
  taken(sessionId: string, letterId: string, signal: AbortSignal): Promise<Taken> {
    signal.throwIfAborted()
    const known = this.#watches.get(sessionId)
    if (known !== undefined) return known.wait(letterId, signal)
    const watch = new QueueWatch(sessionId, this.#options, () => {
      if (this.#watches.get(sessionId) === watch) this.#watches.delete(sessionId)
    })
    this.#watches.set(sessionId, watch)
    return watch.wait(letterId, signal)
  }
}

type Taken = LetterPlace | undefined

interface Waiting {
  resolve: (place: Taken) => void
  reject: (error: unknown) => void
}

/** One session's queue, as long as somebody waits for a letter in it. */
class QueueWatch {
  readonly #sessionId: string
  readonly #options: QueuedLettersOptions
  readonly #onEnd: () => void
  readonly #letters = new Map<string, Set<Waiting>>()
  readonly #leaving = new AbortController()
  #hint = Promise.withResolvers<void>()
  /** Letters that nobody has asked after yet. */
  #hasNew = false
  #isRunning = false

  constructor(sessionId: string, options: QueuedLettersOptions, onEnd: () => void) {
    this.#sessionId = sessionId
    this.#options = options
    this.#onEnd = onEnd
  }

  async wait(letterId: string, signal: AbortSignal): Promise<Taken> {
    const { promise, resolve, reject } = Promise.withResolvers<Taken>()
    const waiting = { resolve, reject }
    const others = this.#letters.get(letterId)
    if (others === undefined) this.#letters.set(letterId, new Set([waiting]))
    else others.add(waiting)
    const onAbort = () => reject(signal.reason)
    signal.addEventListener('abort', onAbort, { once: true })
    this.#hasNew = true
    this.#hint.resolve()
    if (!this.#isRunning) void this.#run()
    try {
      return await promise
    } finally {
      signal.removeEventListener('abort', onAbort)
      this.#leave(letterId, waiting)
    }
  }

  #leave(letterId: string, waiting: Waiting): void {
    const others = this.#letters.get(letterId)
    others?.delete(waiting)
    if (others?.size === 0) this.#letters.delete(letterId)
    // Who comes from now on begins a watch of their own.
    if (this.#letters.size > 0) return
    this.#onEnd()
    this.#leaving.abort()
    this.#hint.resolve()
  }

  /** Subscribes first and looks then: what happens between the two is not missed. */
  async #run(): Promise<void> {
    this.#isRunning = true
    let unwatch: (() => void) | undefined
    try {
      const { store } = this.#options
      unwatch = await store.watch(this.#sessionId, 'log', () => this.#hint.resolve())
      await this.#look()
    } catch (error) {
      this.#onEnd()
      for (const waiting of this.#letters.values()) for (const { reject } of waiting) reject(error)
    } finally {
      unwatch?.()
    }
  }

  async #look(): Promise<void> {
    const { pollMs, patienceMs, lookAfter, store } = this.#options
    const { signal } = this.#leaving
    let takenAt = performance.now()
    let askedAt = Number.NEGATIVE_INFINITY
    let queue: string | undefined
    while (!signal.aborted) {
      // What is hinted from here on may be newer than what is read.
      this.#hint = Promise.withResolvers<void>()
      const session = await store.session(this.#sessionId)
      const found = `${session?.turn?.claim} ${session?.queued}`
      const isDue = performance.now() - askedAt >= pollMs
      if (found !== queue || this.#hasNew || isDue) {
        queue = found
        askedAt = performance.now()
        this.#hasNew = false
        await Promise.all([...this.#letters.keys()].map((id) => this.#ask(id)))
      }
      if (signal.aborted) return
      await Promise.race([this.#hint.promise, pause(pollMs, signal)])
      await pause(lookAtMostEveryMs, signal)
      if (signal.aborted) return
      if (await lookAfter(this.#sessionId)) takenAt = performance.now()
      else if (performance.now() - takenAt > patienceMs) throw storeIsFull()
    }
  }

  async #ask(letterId: string): Promise<void> {
    const place = await this.#options.store.findLetter(this.#sessionId, letterId)
    if (place?.as === 'queued') return
    for (const { resolve } of this.#letters.get(letterId) ?? []) resolve(place)
  }
}

const pause = (ms: number, signal: AbortSignal): Promise<void> =>
  delay(ms, undefined, { signal }).catch(() => {})

const storeIsFull = () =>
  new LoomError('unavailable', 'The store takes nothing now: try again with the same id.', {
    retryable: true,
    retryAfterMs: 1000,
  })
