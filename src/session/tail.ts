/**
 * The newest entries of a log, for those in this process that read along. Each reader is given what
 * follows its own place, in the very call that brings it; one that holds back is waited for by nobody.
 * Entries that all readers have, or that are beyond the bound, are the store's again.
 */
import type { LogEntry } from '../store/log.ts'
import type { LargeFrame } from '../wire/large-frame.ts'
import { compareIds } from './entry-id.ts'

/**
 * Takes an entry; may hold its reader back.
 * @param shared what its readers make of this entry, by what they make it for, so that one makes it
 * for all; undefined where nobody else is given it now
 */
export type Deliver = (entry: LogEntry, shared: Shared | undefined) => void | Promise<void>

/** Encoded events of one entry, in their order. */
export type Shared = Map<string, readonly (string | LargeFrame | undefined)[]>

/** How following ended: at the log's end, or because the log is not there (any more). */
export type FollowEnd = 'finished' | 'gone'

/** Why a tail has no more for a reader; `read-on`: what follows is in the store, or elsewhere here. */
export type TailEnd = FollowEnd | 'read-on'

export interface TailReading {
  /** The last entry that the reader has; undefined only where the tail is the whole log. */
  position: string | undefined
  signal: AbortSignal
  deliver: Deliver
}

export interface TailOptions {
  /** The entry before the first of these. */
  after: string
  /** How many entries may wait for a slow reader; the store keeps the others. */
  entriesMax: number
  /** Called when the last reader has left. */
  onEmpty?: () => void
}

export class Tail {
  readonly #options: TailOptions
  readonly #entries: LogEntry[] = []
  readonly #readers = new Set<TailReader>()
  /** Entries that were pushed and are no longer here. */
  #dropped = 0
  #after: string
  #shared: Shared | undefined
  #ending: Ending | undefined

  constructor(options: TailOptions) {
    this.#options = options
    this.#after = options.after
  }

  /** The newest entry there is. */
  get head(): string {
    return this.#entries.at(-1)?.id ?? this.#after
  }

  get ended(): boolean {
    return this.#ending !== undefined
  }

  /** Whether all that follows an entry is here, or will be. */
  follows(position: string): boolean {
    return compareIds(position, this.#after) >= 0
  }

  push(entry: LogEntry): void {
    this.#entries.push(entry)
    this.#shared = this.#readers.size > 1 ? new Map() : undefined
    for (const reader of this.#readers) reader.pump()
    this.#shared = undefined
    this.#drop()
  }

  /** Nothing more will come. Readers are told when they have what is here. */
  end(as: TailEnd): void {
    this.#settle({ as })
  }

  /** Every reader fails, as soon as nothing holds it back. */
  fail(error: unknown): void {
    this.#settle({ error })
  }

  /** @throws the signal's reason; what `deliver` throws; what the tail failed with */
  async read(reading: TailReading): Promise<TailEnd> {
    const { signal, position } = reading
    signal.throwIfAborted()
    const { promise, resolve, reject } = Promise.withResolvers<TailEnd>()
    const reader = new TailReader({
      deliver: reading.deliver,
      next: position === undefined ? this.#dropped : this.#indexAfter(position),
      // Who read the store a moment later than the tail did is ahead of it.
      known: position !== undefined && compareIds(position, this.head) > 0 ? position : undefined,
      take: (index) => this.#take(index),
      resolve,
      reject,
    })
    const onAbort = () => reader.leave(signal.reason)
    signal.addEventListener('abort', onAbort, { once: true })
    this.#readers.add(reader)
    reader.pump()
    try {
      return await promise
    } finally {
      signal.removeEventListener('abort', onAbort)
      this.#readers.delete(reader)
      this.#drop()
      if (this.#readers.size === 0) this.#options.onEmpty?.()
    }
  }

  #settle(ending: Ending): void {
    this.#ending ??= ending
    for (const reader of this.#readers) reader.pump()
  }

  /** What is at a place: an entry, nothing yet, or the reason why there will be none. */
  #take(index: number): Taken {
    if (this.#ending !== undefined && 'error' in this.#ending) throw this.#ending.error
    const entry = this.#entries[index - this.#dropped]
    if (entry !== undefined) {
      const isNewest = index - this.#dropped === this.#entries.length - 1
      return { entry, shared: isNewest ? this.#shared : undefined }
    }
    return index < this.#dropped ? 'read-on' : this.#ending?.as
  }

  /** Readers are close to the end as a rule, so a place is looked for from there. */
  #indexAfter(position: string): number {
    const before = this.#entries.findLastIndex(({ id }) => compareIds(id, position) <= 0)
    return this.#dropped + before + 1
  }

  #drop(): void {
    const { entriesMax } = this.#options
    if (entriesMax === Number.POSITIVE_INFINITY) return
    const total = this.#dropped + this.#entries.length
    let needed = total
    for (const { next } of this.#readers) if (next < needed) needed = next
    const count = Math.max(needed, total - entriesMax) - this.#dropped
    const last = this.#entries[count - 1]
    if (last === undefined) return
    this.#after = last.id
    this.#entries.splice(0, count)
    this.#dropped += count
  }
}

type Ending = { as: TailEnd } | { error: unknown }

type Taken = { entry: LogEntry; shared: Shared | undefined } | TailEnd | undefined

interface TailReaderOptions {
  deliver: Deliver
  /** How many entries the tail was given before the one that this reader is given next. */
  next: number
  /** Entries up to this one are still to come, and the reader has them. */
  known: string | undefined
  /** @throws what the tail failed with */
  take: (index: number) => Taken
  resolve: (end: TailEnd) => void
  reject: (error: unknown) => void
}

/** One reader's place. Without promises: while nothing holds it back, an entry is one call. */
class TailReader {
  readonly #options: TailReaderOptions
  next: number
  #known: string | undefined
  #state: 'ready' | 'held' | 'left' = 'ready'

  constructor(options: TailReaderOptions) {
    this.#options = options
    this.next = options.next
    this.#known = options.known
  }

  /** Gives the reader what there is for it. Never throws: who pushes is not the reader's keeper. */
  pump(): void {
    const { take, deliver, resolve } = this.#options
    try {
      while (this.#state === 'ready') {
        const taken = take(this.next)
        if (taken === undefined) return
        if (typeof taken === 'string') {
          this.#state = 'left'
          return resolve(taken)
        }
        this.next++
        if (this.#isKnown(taken.entry)) continue
        const wait = deliver(taken.entry, taken.shared)
        if (wait !== undefined) this.#hold(wait)
      }
    } catch (error) {
      this.leave(error)
    }
  }

  #isKnown({ id }: LogEntry): boolean {
    if (this.#known === undefined) return false
    const isKnown = compareIds(id, this.#known) <= 0
    if (!isKnown) this.#known = undefined
    return isKnown
  }

  leave(error: unknown): void {
    this.#state = 'left'
    this.#options.reject(error)
  }

  #hold(wait: Promise<void>): void {
    this.#state = 'held'
    wait.then(
      () => this.#release(),
      (error: unknown) => this.leave(error),
    )
  }

  #release(): void {
    if (this.#state !== 'held') return
    this.#state = 'ready'
    this.pump()
  }
}
