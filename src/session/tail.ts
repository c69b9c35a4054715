/**
 * The newest entries of a log, for the readers in this process. Each reader gets the entries after its
 * own place, in the same call that adds them. No reader waits for a slow one. Entries that all readers
 * have, or that exceed the limit, are dropped: the store has them.
 */
import { compareIds, type LogEntry } from '../store/log.ts'
import {
  type Deliver,
  type Shared,
  type TailEnd,
  type TailItem,
  TailReader,
} from './tail-reader.ts'

export interface TailReading {
  /** The last entry that the reader has. Undefined only if the tail is the whole log. */
  position: string | undefined
  signal: AbortSignal
  deliver: Deliver
}

export interface TailOptions {
  /** The entry before the first entry of this tail. */
  after: string
  /** The number of entries that a slow reader may leave here. The store has the others. */
  entriesMax: number
  /** Called when the last reader has left. */
  onEmpty?: () => void
}

export class Tail {
  readonly #options: TailOptions
  readonly #entries: LogEntry[] = []
  readonly #readers = new Set<TailReader>()
  /** The number of entries that were added and dropped. */
  #dropCount = 0
  #after: string
  #shared: Shared | undefined
  #ending: Ending | undefined

  constructor(options: TailOptions) {
    this.#options = options
    this.#after = options.after
  }

  /** The id of the newest entry. */
  get head(): string {
    return this.#entries.at(-1)?.id ?? this.#after
  }

  get hasEnded(): boolean {
    return this.#ending !== undefined
  }

  /** Whether this tail has, or will get, every entry after this one. */
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

  /** Ends the tail. Each reader gets the end after the entries of the tail. */
  end(as: TailEnd): void {
    this.#settle({ as })
  }

  /** Every reader fails with this error, after the end of its current delivery. */
  fail(error: unknown): void {
    this.#settle({ error })
  }

  /** @throws the reason of the signal; the error of `deliver`; the error of the tail */
  async read(reading: TailReading): Promise<TailEnd> {
    const { signal, position } = reading
    signal.throwIfAborted()
    const { promise, resolve, reject } = Promise.withResolvers<TailEnd>()
    const isAhead = position !== undefined && compareIds(position, this.head) > 0
    const reader = new TailReader({
      deliver: reading.deliver,
      next: position === undefined ? this.#dropCount : this.#indexAfter(position),
      // A reader that read the store after the tail did is ahead of it.
      lastKnown: isAhead ? position : undefined,
      itemAt: (index) => this.#itemAt(index),
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

  #itemAt(index: number): TailItem {
    if (this.#ending !== undefined && 'error' in this.#ending) throw this.#ending.error
    const entry = this.#entries[index - this.#dropCount]
    if (entry !== undefined) {
      const isNewest = index - this.#dropCount === this.#entries.length - 1
      return { entry, shared: isNewest ? this.#shared : undefined }
    }
    return index < this.#dropCount ? 'read-on' : this.#ending?.as
  }

  /** Searches from the end, because most readers are close to it. */
  #indexAfter(position: string): number {
    const before = this.#entries.findLastIndex(({ id }) => compareIds(id, position) <= 0)
    return this.#dropCount + before + 1
  }

  #drop(): void {
    const { entriesMax } = this.#options
    if (entriesMax === Number.POSITIVE_INFINITY) return
    const total = this.#dropCount + this.#entries.length
    let needed = total
    for (const { next } of this.#readers) if (next < needed) needed = next
    const count = Math.max(needed, total - entriesMax) - this.#dropCount
    const last = this.#entries[count - 1]
    if (last === undefined) return
    this.#after = last.id
    this.#entries.splice(0, count)
    this.#dropCount += count
  }
}

type Ending = { as: TailEnd } | { error: unknown }
