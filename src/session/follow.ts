/**
 * Follows a log from a place to its end, for one reader. What is already written is read from the
 * store; from there on the reader reads along with all others in this process: in memory where it is
 * this process that writes the log, and else with the one that reads the store for them.
 */
import type { LogEntry, LogReader } from '../store/log.ts'
import { type LocalTails, localTail } from './local-tail.ts'
import { pageSize, type RemoteTails } from './remote-tail.ts'
import type { Deliver, FollowEnd, Shared, Tail } from './tail.ts'

export interface FollowOptions {
  store: LogReader
  tails: LocalTails
  remoteTails: RemoteTails
  sessionId: string
  logId: string
  /** Entries after this one; from the start of the log without it. */
  after: string | undefined
  signal: AbortSignal
  /** May hold the reader back; nobody else waits for it. */
  deliver: Deliver
  /** Told that the turn was perhaps given away. */
  onSilence: () => void
}

/** @throws the signal's reason; what `deliver` throws */
export function follow(options: FollowOptions): Promise<FollowEnd> {
  return new LogFollower(options).read()
}

class LogFollower {
  readonly #options: FollowOptions
  #position: string | undefined
  /** Whether the last event delivered was a `finish`: then the turn is over, or waits. */
  #atFinish: boolean | undefined
  /** Whether the store had no more than what was read last. */
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
    // Every log has its first entry from the start; what is before it is a place as good as any.
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
    // A failover lost what was delivered last, and a new owner went on without it.
    const isGiven = this.#position !== this.#options.after
    if (isGiven && page.entries.length > 0 && !page.holdsAfter) return 'gone'
    for (const entry of page.entries) {
      const wait = this.#deliver(entry, undefined)
      if (wait !== undefined) await wait
    }
    this.#hasAll = page.entries.length < pageSize
    // A claim's own entry: if it only gave the turn away, whoever sees it first may take it.
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
