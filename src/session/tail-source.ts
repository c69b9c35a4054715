/**
 * Fills one tail with the entries of a log that another process writes: one subscription, one read for
 * each hint, and one poll for lost hints. It ends at the end of the log, when this process begins to write
 * the log, or with the last reader of the tail.
 */
import { LoomError } from '../ground/error.ts'
import type { HintSource } from '../store/hint.ts'
import type { LogReader } from '../store/log.ts'
import type { SessionReader } from '../store/session.ts'
import { type LocalTails, localTail } from './local-tail.ts'
import type { TailEnd } from './tail-reader.ts'
import type { Tail } from './tail.ts'

/** The number of entries of one read, and the limit for the entries that a slow reader has not taken. */
export const pageSize = 500

export interface TailSourceOptions {
  store: LogReader & SessionReader & HintSource
  tails: LocalTails
  /** The longest wait for a hint before the next read of the store, in milliseconds. */
  pollMs: number
  /** The longest wait for a store that returns data but accepts no writes (it is full), in milliseconds. */
  patienceMs: number
  /**
   * Called if a running turn made no progress or was handed over: its owner may be dead. Returns false if
   * the store accepts no writes, so that no instance can continue the turn.
   */
  onSilence: (sessionId: string) => Promise<boolean>
}

/** The place of a reader that has all entries so far. */
export interface TailStart {
  sessionId: string
  logId: string
  position: string
  /** Whether the last event before it is a `finish`. Undefined if that is not known. */
  atFinish: boolean | undefined
}

export class TailSource {
  readonly #options: TailSourceOptions
  readonly #start: TailStart
  readonly #tail: Tail
  readonly #signal: AbortSignal
  #atFinish: boolean | undefined
  /** Whether the turn was over at the last read of the session. Then one more read returns all its entries. */
  #seemsOver = false
  #hasHint = false
  /** The time since when no instance could continue the turn. */
  #stuckSince: number | undefined
  #wake: ((reason: 'hint' | 'silence') => void) | undefined

  constructor(
    options: TailSourceOptions,
    start: TailStart,
    { tail, signal }: { tail: Tail; signal: AbortSignal },
  ) {
    this.#options = options
    this.#start = start
    this.#tail = tail
    this.#signal = signal
    this.#atFinish = start.atFinish
  }

  /** Subscribes first and reads then, so that it misses no entry between the two. */
  async run(): Promise<TailEnd> {
    const { store, pollMs } = this.#options
    const { sessionId } = this.#start
    const unwatch = await store.watch(sessionId, 'log', () => this.#hint())
    const timer = setTimeout(() => this.#wake?.('silence'), pollMs)
    this.#signal.addEventListener('abort', () => this.#wake?.('hint'))
    try {
      for (let isSilent = false; !this.#signal.aborted;) {
        const end = await this.#read(isSilent)
        if (end !== undefined) return end
        timer.refresh()
        isSilent = (await this.#news()) === 'silence'
        if (isSilent) void this.#reportSilence()
      }
      return 'read-on'
    } finally {
      clearTimeout(timer)
      unwatch()
    }
  }

  /** Reads the new entries. Returns the end of the tail if it has reached it. */
  async #read(isSilent: boolean): Promise<TailEnd | undefined> {
    const { store } = this.#options
    const { sessionId, logId } = this.#start
    this.#checkStuck()
    // A hint after this line may announce an entry that is not in this page.
    this.#hasHint = false
    const page = await store.readLog(sessionId, logId, this.#tail.head, pageSize)
    if (page === undefined) return 'gone'
    // A failover lost entries that the readers have, and a new owner continued without them.
    if (page.entries.length > 0 && !page.holdsAfter) return 'gone'
    for (const entry of page.entries) {
      const last = entry.events.at(-1)
      if (last !== undefined) this.#atFinish = last.type === 'finish'
      this.#tail.push(entry)
      this.#stuckSince = undefined
    }
    if (page.entries.length === pageSize) this.#hasHint = true
    else if (page.finished) return 'finished'
    if (localTail(this.#options.tails, this.#start, this.#tail.head) !== undefined) {
      return 'read-on'
    }
    // The entry of a claim. If the claim is a hand-over, any instance may take the turn now.
    if (page.entries.at(-1)?.events.length === 0) void this.#reportSilence()
    const isQuiet = page.entries.length === 0
    const mayBeOver = this.#atFinish ?? isQuiet
    return mayBeOver || (isQuiet && isSilent) ? this.#endIfOver() : undefined
  }

  async #reportSilence(): Promise<void> {
    const isWritable = await this.#options.onSilence(this.#start.sessionId)
    if (isWritable) this.#stuckSince = undefined
    else this.#stuckSince ??= performance.now()
  }

  /** Ends the wait for a full store. The reader loses its connection and may return. */
  #checkStuck(): void {
    if (this.#stuckSince === undefined) return
    if (performance.now() - this.#stuckSince < this.#options.patienceMs) return
    throw new LoomError(
      'unavailable',
      'The store accepts no writes, so no instance can continue the turn. Read the stream again later.',
    )
  }

  /** A message that waits for a client or a human has an open log and no owner. */
  async #endIfOver(): Promise<TailEnd | undefined> {
    const { sessionId, logId } = this.#start
    const session = await this.#options.store.session(sessionId)
    const isOver = session?.state !== 'running' || session.turn?.logId !== logId
    // The log of a turn that is over gets no more entries: the read after this one has all of them.
    if (isOver && (this.#atFinish === true || this.#seemsOver)) return 'finished'
    this.#seemsOver = isOver
    if (isOver) this.#hasHint = true
    return undefined
  }

  #hint(): void {
    this.#hasHint = true
    this.#wake?.('hint')
  }

  /** Any number of hints during one read cause one more read. */
  async #news(): Promise<'hint' | 'silence'> {
    if (this.#hasHint || this.#signal.aborted) return 'hint'
    const { promise, resolve } = Promise.withResolvers<'hint' | 'silence'>()
    this.#wake = resolve
    const reason = await promise
    this.#wake = undefined
    return reason
  }
}
