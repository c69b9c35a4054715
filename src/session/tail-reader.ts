/** One reader of a tail, and its place in it. */
import { compareIds, type LogEntry } from '../store/log.ts'
import type { LargeFrame } from '../wire/large-frame.ts'

/**
 * Receives an entry. A promise from it delays its reader.
 * @param shared the encoded events of this entry, by encoding, so that one reader encodes them for all.
 * Undefined if no other reader gets the entry now.
 */
export type Deliver = (entry: LogEntry, shared: Shared | undefined) => void | Promise<void>

/** The encoded events of one entry, in their order. */
export type Shared = Map<string, readonly (string | LargeFrame | undefined)[]>

/** The end of following a log: `finished` at its end, `gone` if the log does not exist (any more). */
export type FollowEnd = 'finished' | 'gone'

/** The end of a tail. `read-on`: the store, or another tail of this process, has the next entries. */
export type TailEnd = FollowEnd | 'read-on'

/** The next item of a tail for a reader: an entry, the end, or nothing yet. */
export type TailItem = { entry: LogEntry; shared: Shared | undefined } | TailEnd | undefined

interface TailReaderOptions {
  deliver: Deliver
  /** The index of the next entry of this reader, counted from the first entry of the tail. */
  next: number
  /** The reader has the entries up to this one, although the tail does not have them yet. */
  lastKnown: string | undefined
  /** @throws the error of the tail */
  itemAt: (index: number) => TailItem
  resolve: (end: TailEnd) => void
  reject: (error: unknown) => void
}

/** It uses no promises of its own: if nothing delays the reader, an entry is one call. */
export class TailReader {
  readonly #options: TailReaderOptions
  next: number
  #lastKnown: string | undefined
  #state: 'ready' | 'busy' | 'left' = 'ready'

  constructor(options: TailReaderOptions) {
    this.#options = options
    this.next = options.next
    this.#lastKnown = options.lastKnown
  }

  /** Delivers the available entries. It never throws: a failure of a reader must not reach the writer. */
  pump(): void {
    const { itemAt, deliver, resolve } = this.#options
    try {
      while (this.#state === 'ready') {
        const item = itemAt(this.next)
        if (item === undefined) return
        if (typeof item === 'string') {
          this.#state = 'left'
          return resolve(item)
        }
        this.next++
        if (this.#isKnown(item.entry)) continue
        const wait = deliver(item.entry, item.shared)
        if (wait !== undefined) this.#waitFor(wait)
      }
    } catch (error) {
      this.leave(error)
    }
  }

  #isKnown({ id }: LogEntry): boolean {
    if (this.#lastKnown === undefined) return false
    const isKnown = compareIds(id, this.#lastKnown) <= 0
    if (!isKnown) this.#lastKnown = undefined
    return isKnown
  }

  leave(error: unknown): void {
    this.#state = 'left'
    this.#options.reject(error)
  }

  #waitFor(delivery: Promise<void>): void {
    this.#state = 'busy'
    delivery.then(
      () => this.#continue(),
      (error: unknown) => this.leave(error),
    )
  }

  #continue(): void {
    if (this.#state !== 'busy') return
    this.#state = 'ready'
    this.pump()
  }
}
