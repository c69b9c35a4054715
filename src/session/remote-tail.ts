/**
 * Logs that other processes write, read once here for all who follow them: one subscription a log,
 * one read a hint, one poll for the hints that are lost. A tail lives as long as it has readers.
 */
import { LoomError } from '../ground/error.ts'
import type { HintSource } from '../store/hint.ts'
import type { LogReader } from '../store/log.ts'
import type { SessionReader } from '../store/session.ts'
import { type LocalTails, localTail } from './local-tail.ts'
import { Tail, type TailEnd } from './tail.ts'

/** Entries that are read at a time, and that wait for a slow reader at most. */
export const pageSize = 500

export interface RemoteTailsOptions {
  store: LogReader & SessionReader & HintSource
  tails: LocalTails
  /** How long a hint is waited for before the store is asked again, in milliseconds. */
  pollMs: number
  /** How long a store is waited for that can be read and takes nothing (it is full), in milliseconds. */
  patienceMs: number
  /**
   * Told that a running turn made no progress or was given away: its owner may be gone.
   * @returns false when the store takes nothing, so that nobody can go on with the turn
   */
  onSilence: (sessionId: string) => Promise<boolean>
}

/** Where a reader stands that has read all there was. */
export interface Standing {
  sessionId: string
  logId: string
  position: string
  /** Whether the last event before it is a `finish`; undefined where that is not known. */
  atFinish: boolean | undefined
}

export class RemoteTails {
  readonly #options: RemoteTailsOptions
  readonly #tails = new Map<string, Tail>()

  constructor(options: RemoteTailsOptions) {
    this.#options = options
  }

  /** How many logs are followed. */
  get size(): number {
    return this.#tails.size
  }

  /** A tail to read at once; undefined where the others are ahead, and the store has what is missing. */
  at(standing: Standing): Tail | undefined {
    const key = JSON.stringify([standing.sessionId, standing.logId])
    const known = this.#tails.get(key)
    if (known !== undefined) return known.follows(standing.position) ? known : undefined
    const leaving = new AbortController()
    const tail = new Tail({
      after: standing.position,
      entriesMax: pageSize,
      onEmpty: () => leaving.abort(),
    })
    this.#tails.set(key, tail)
    // At its end it is no place to join: who comes from then on asks the store.
    const close = () => this.#tails.get(key) === tail && this.#tails.delete(key)
    leaving.signal.addEventListener('abort', close)
    const source = new TailSource(this.#options, standing, { tail, signal: leaving.signal })
    void source
      .run()
      .finally(close)
      .then(
        (end) => tail.end(end),
        (error: unknown) => tail.fail(error),
      )
    return tail
  }
}

/** Fills one tail until its log is at its end, is written here, or nobody reads it any more. */
class TailSource {
  readonly #options: RemoteTailsOptions
  readonly #standing: Standing
  readonly #tail: Tail
  readonly #signal: AbortSignal
  #atFinish: boolean | undefined
  /** That it was over when last asked: then one more read sees all that it said. */
  #seemsOver = false
  #isHinted = false
  /** Since when nobody could go on with the turn. */
  #stuckSince: number | undefined
  #wake: ((reason: 'hint' | 'silence') => void) | undefined

  constructor(
    options: RemoteTailsOptions,
    standing: Standing,
    { tail, signal }: { tail: Tail; signal: AbortSignal },
  ) {
    this.#options = options
    this.#standing = standing
    this.#tail = tail
    this.#signal = signal
    this.#atFinish = standing.atFinish
  }

  /** Subscribes first and reads then: what happens between the two is not missed. */
  async run(): Promise<TailEnd> {
    const { store, pollMs } = this.#options
    const { sessionId } = this.#standing
    const unwatch = await store.watch(sessionId, 'log', () => this.#hint())
    const timer = setTimeout(() => this.#wake?.('silence'), pollMs)
    this.#signal.addEventListener('abort', () => this.#wake?.('hint'))
    try {
      for (let isSilent = false; !this.#signal.aborted;) {
        const end = await this.#look(isSilent)
        if (end !== undefined) return end
        timer.refresh()
        isSilent = (await this.#news()) === 'silence'
        if (isSilent) void this.#tellSilence()
      }
      return 'read-on'
    } finally {
      clearTimeout(timer)
      unwatch()
    }
  }

  /** Reads what is new. What the tail ends with, if that was its end. */
  async #look(isSilent: boolean): Promise<TailEnd | undefined> {
    const { store } = this.#options
    const { sessionId, logId } = this.#standing
    this.#checkStuck()
    // What is hinted from here on is perhaps not in this page.
    this.#isHinted = false
    const page = await store.readLog(sessionId, logId, this.#tail.head, pageSize)
    if (page === undefined) return 'gone'
    // A failover lost what the readers have, and a new owner went on without it.
    if (page.entries.length > 0 && !page.holdsAfter) return 'gone'
    for (const entry of page.entries) {
      const last = entry.events.at(-1)
      if (last !== undefined) this.#atFinish = last.type === 'finish'
      this.#tail.push(entry)
      this.#stuckSince = undefined
    }
    if (page.entries.length === pageSize) this.#isHinted = true
    else if (page.finished) return 'finished'
    if (localTail(this.#options.tails, this.#standing, this.#tail.head) !== undefined) {
      return 'read-on'
    }
    // A claim's own entry: if it only gave the turn away, whoever sees it first may take it.
    if (page.entries.at(-1)?.events.length === 0) void this.#tellSilence()
    const isQuiet = page.entries.length === 0
    const mayBeOver = this.#atFinish ?? isQuiet
    return mayBeOver || (isQuiet && isSilent) ? this.#endIfOver() : undefined
  }

  async #tellSilence(): Promise<void> {
    const isTaken = await this.#options.onSilence(this.#standing.sessionId)
    if (isTaken) this.#stuckSince = undefined
    else this.#stuckSince ??= performance.now()
  }

  /** A reader must not hang on a store that is full: it is cut off, and may come back. */
  #checkStuck(): void {
    if (this.#stuckSince === undefined) return
    if (performance.now() - this.#stuckSince < this.#options.patienceMs) return
    throw new LoomError('unavailable', 'The store takes nothing, so nobody goes on with the turn.')
  }

  /** A message that waits for a client or a human has an open log and no owner. */
  async #endIfOver(): Promise<TailEnd | undefined> {
    const { sessionId, logId } = this.#standing
    const session = await this.#options.store.session(sessionId)
    const isOver = session?.state !== 'running' || session.turn?.logId !== logId
    // Where one begins behind the `finish`, nothing more is seen: two reads make sure of that.
    if (isOver && (this.#atFinish === true || this.#seemsOver)) return 'finished'
    this.#seemsOver = isOver
    if (isOver) this.#isHinted = true
    return undefined
  }

  #hint(): void {
    this.#isHinted = true
    this.#wake?.('hint')
  }

  /** However many hints came while one read was under way, they are one more. */
  async #news(): Promise<'hint' | 'silence'> {
    if (this.#isHinted || this.#signal.aborted) return 'hint'
    const { promise, resolve } = Promise.withResolvers<'hint' | 'silence'>()
    this.#wake = resolve
    const reason = await promise
    this.#wake = undefined
    return reason
  }
}
