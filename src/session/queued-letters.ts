/**
 * Watches letters in queues for all readers that wait for their turns: one subscription and one loop for
 * each session, for any number of readers and letters. A running turn causes a hint with each append, so
 * the loop reads the letters only if the turn or the queue has changed.
 */
import { setTimeout as delay } from 'node:timers/promises'

import { LoomError } from '../ground/error.ts'
import type { HintSource } from '../store/hint.ts'
import type { LetterPlace, MailboxStore } from '../store/mailbox.ts'
import type { SessionReader } from '../store/session.ts'

export interface QueuedLettersOptions {
  store: Pick<MailboxStore, 'findLetter'> & SessionReader & HintSource
  /** The longest wait for a hint before the next read of the store, in milliseconds. */
  pollMs: number
  /** The longest wait for a store that returns data but accepts no writes (it is full), in milliseconds. */
  patienceMs: number
  /** Checks a turn whose owner may be dead. Returns false if the store accepts no writes. */
  lookAfter: (sessionId: string) => Promise<boolean>
}

/** The minimum time between two reads of a session, in milliseconds. */
const readIntervalMs = 25

export class QueuedLetters {
  readonly #options: QueuedLettersOptions
  readonly #watches = new Map<string, QueueWatch>()

  constructor(options: QueuedLettersOptions) {
    this.#options = options
  }

  /** The number of watched sessions. */
  get size(): number {
    return this.#watches.size
  }

  /**
   * Waits until a letter has left the mailbox: its turn has begun, the running turn has taken it, or it was
   * withdrawn or cut.
   * @returns the new place of the letter; undefined if the session does not have it any more
   * @throws LoomError `unavailable` if the store accepts no writes; the reason of the signal
   */
  departure(sessionId: string, letterId: string, signal: AbortSignal): Promise<NewPlace> {
    signal.throwIfAborted()
    const current = this.#watches.get(sessionId)
    if (current !== undefined) return current.wait(letterId, signal)
    const watch = new QueueWatch(sessionId, this.#options, () => {
      if (this.#watches.get(sessionId) === watch) this.#watches.delete(sessionId)
    })
    this.#watches.set(sessionId, watch)
    return watch.wait(letterId, signal)
  }
}

type NewPlace = LetterPlace | undefined

interface Waiter {
  resolve: (place: NewPlace) => void
  reject: (error: unknown) => void
}

/** The watch of one session's queue. It ends with its last waiter. */
class QueueWatch {
  readonly #sessionId: string
  readonly #options: QueuedLettersOptions
  readonly #onEnd: () => void
  readonly #letters = new Map<string, Set<Waiter>>()
  readonly #end = new AbortController()
  #hint = Promise.withResolvers<void>()
  /** Whether the loop has not read some of the letters yet. */
  #hasNew = false
  #isRunning = false

  constructor(sessionId: string, options: QueuedLettersOptions, onEnd: () => void) {
    this.#sessionId = sessionId
    this.#options = options
    this.#onEnd = onEnd
  }

  async wait(letterId: string, signal: AbortSignal): Promise<NewPlace> {
    const { promise, resolve, reject } = Promise.withResolvers<NewPlace>()
    const waiter = { resolve, reject }
    const others = this.#letters.get(letterId)
    if (others === undefined) this.#letters.set(letterId, new Set([waiter]))
    else others.add(waiter)
    const onAbort = () => reject(signal.reason)
    signal.addEventListener('abort', onAbort, { once: true })
    this.#hasNew = true
    this.#hint.resolve()
    if (!this.#isRunning) void this.#run()
    try {
      return await promise
    } finally {
      signal.removeEventListener('abort', onAbort)
      this.#remove(letterId, waiter)
    }
  }

  #remove(letterId: string, waiter: Waiter): void {
    const others = this.#letters.get(letterId)
    others?.delete(waiter)
    if (others?.size === 0) this.#letters.delete(letterId)
    if (this.#letters.size > 0) return
    // A later waiter begins a new watch.
    this.#onEnd()
    this.#end.abort()
    this.#hint.resolve()
  }

  /** Subscribes first and reads then, so that it misses no change between the two. */
  async #run(): Promise<void> {
    this.#isRunning = true
    let unwatch: (() => void) | undefined
    try {
      const { store } = this.#options
      unwatch = await store.watch(this.#sessionId, 'log', () => this.#hint.resolve())
      await this.#look()
    } catch (error) {
      this.#onEnd()
      for (const waiters of this.#letters.values()) for (const { reject } of waiters) reject(error)
    } finally {
      unwatch?.()
    }
  }

  async #look(): Promise<void> {
    const { pollMs, patienceMs, lookAfter, store } = this.#options
    const { signal } = this.#end
    let writableAt = performance.now()
    let readAt = Number.NEGATIVE_INFINITY
    let queue: string | undefined
    while (!signal.aborted) {
      // A hint after this line may announce something newer than the read.
      this.#hint = Promise.withResolvers<void>()
      const session = await store.session(this.#sessionId)
      const newQueue = `${session?.turn?.claim} ${session?.queued}`
      const isDue = performance.now() - readAt >= pollMs
      if (newQueue !== queue || this.#hasNew || isDue) {
        queue = newQueue
        readAt = performance.now()
        this.#hasNew = false
        await Promise.all([...this.#letters.keys()].map((id) => this.#find(id)))
      }
      if (signal.aborted) return
      await Promise.race([this.#hint.promise, pause(pollMs, signal)])
      await pause(readIntervalMs, signal)
      if (signal.aborted) return
      if (await lookAfter(this.#sessionId)) writableAt = performance.now()
      else if (performance.now() - writableAt > patienceMs) throw storeIsFull()
    }
  }

  async #find(letterId: string): Promise<void> {
    const place = await this.#options.store.findLetter(this.#sessionId, letterId)
    if (place?.as === 'queued') return
    for (const { resolve } of this.#letters.get(letterId) ?? []) resolve(place)
  }
}

const pause = (ms: number, signal: AbortSignal): Promise<void> =>
  delay(ms, undefined, { signal }).catch(() => {})

const storeIsFull = () =>
  new LoomError(
    'unavailable',
    'The store accepts no writes now. Send the message again with the same id.',
    { retryable: true, retryAfterMs: 1000 },
  )
