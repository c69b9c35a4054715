/**
 * One reader of a log, from a place to the end. It reads the existing entries from the store. After
 * these, it shares a tail with all other readers in this process: the memory of the turn if this process
 * writes the log (`local-tail.ts`), otherwise one common reader of the store (`remote-tails.ts`).
 */
import type { LogEntry, LogReader } from '../store/log.ts'
import { type LocalTails, localTail } from './local-tail.ts'
import type { RemoteTails } from './remote-tails.ts'
import type { Deliver, FollowEnd, Shared } from './tail-reader.ts'
import { pageSize } from './tail-source.ts'
import type { Tail } from './tail.ts'

export interface FollowOptions {
  store: LogReader
  tails: LocalTails
  remoteTails: RemoteTails
  sessionId: string
  logId: string
  /** The reader gets the entries after this one. Undefined: from the start of the log. */
  after: string | undefined
  signal: AbortSignal
  /** Receives the entries. A promise from it delays this reader and no other. */
  deliver: Deliver
  /** Called if the owner may have handed the turn over. */
  onSilence: () => void
}

/** @throws the reason of the signal; the error of `deliver` */
export function follow(options: FollowOptions): Promise<FollowEnd> {
  return new LogFollower(options).read()
}

class LogFollower {
  readonly #options: FollowOptions
  #position: string | undefined
  /** Whether the last delivered event was a `finish`: then the turn is over, or it waits. */
  #atFinish: boolean | undefined
  /** Whether the last read returned all entries that the store had. */
  #hasAll = false

  constructor(options: FollowOptions) {
    this.#options = options
    this.#position = options.after
  }

  async read(): Promise<FollowEnd> {
    const { signal } = this.#options
    for (;;) {
      signal.throwIfAborted()
      const tail = this.#tail()
      const end = tail === undefined ? await this.#readPage() : await this.#readAlong(tail)
      if (end !== 'read-on') return end
    }
  }

  #tail(): Tail | undefined {
    const { tails, remoteTails } = this.#options
    const local = localTail(tails, this.#options, this.#position)
    if (local !== undefined || !this.#hasAll) return local
    const { sessionId, logId } = this.#options
    // No entry has a smaller id, so this is the place before the first entry of any log.
    const position = this.#position ?? '0-0'
    return remoteTails.at({ sessionId, logId, position, atFinish: this.#atFinish })
  }

  async #readAlong(tail: Tail): Promise<FollowEnd | 'read-on'> {
    this.#hasAll = false
    const { signal } = this.#options
    return tail.read({ position: this.#position, signal, deliver: this.#deliver })
  }

  async #readPage(): Promise<FollowEnd | 'read-on'> {
    const { store, sessionId, logId, onSilence } = this.#options
    const page = await store.readLog(sessionId, logId, this.#position, pageSize)
    if (page === undefined) return 'gone'
    // A failover lost the last delivered entry, and a new owner continued without it.
    const hasDelivered = this.#position !== this.#options.after
    if (hasDelivered && page.entries.length > 0 && !page.holdsAfter) return 'gone'
    for (const entry of page.entries) {
      const wait = this.#deliver(entry, undefined)
      if (wait !== undefined) await wait
    }
    this.#hasAll = page.entries.length < pageSize
    // The entry of a claim. If the claim is a hand-over, any instance may take the turn now.
    if (page.entries.at(-1)?.events.length === 0) onSilence()
    return this.#hasAll && page.finished ? 'finished' : 'read-on'
  }

  readonly #deliver = (entry: LogEntry, shared: Shared | undefined): void | Promise<void> => {
    this.#position = entry.id
    const last = entry.events.at(-1)
    if (last !== undefined) this.#atFinish = last.type === 'finish'
    return this.#options.deliver(entry, shared)
  }
}
