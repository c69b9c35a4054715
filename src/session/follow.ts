/**
 * Follows a log from a place to its end, for one reader. A log that this process writes is followed
 * in memory; any other is read from the store, where a hint says when to look and a slow poll makes up
 * for the hints that are lost.
 */
import type { Store } from '../store.ts'
import type { LogEntry } from '../store/turn.ts'
import { compareIds } from './entry-id.ts'
import type { LocalTail, LocalTails } from './local-tail.ts'

const pageSize = 500

export interface FollowOptions {
  store: Pick<Store, 'readLog' | 'session' | 'watch'>
  tails: LocalTails
  sessionId: string
  logId: string
  /** Entries after this one; from the start of the log without it. */
  after: string | undefined
  /** How long a hint is waited for before the store is asked again, in milliseconds. */
  pollMs: number
  signal: AbortSignal
  /** May hold the reader back; nobody else waits for it. */
  deliver: (entry: LogEntry) => void | Promise<void>
  /** Told that a running turn made no progress or was given away: its owner may be gone. */
  onSilence: () => void
}

/** How following ended: at the log's end, or because the log is not there (any more). */
export type FollowEnd = 'finished' | 'gone'

/** @throws the signal's reason; what `deliver` throws */
export async function follow(options: FollowOptions): Promise<FollowEnd> {
  const reader = new LogReader(options)
  try {
    return await reader.read()
  } finally {
    reader.close()
  }
}

class LogReader {
  readonly #options: FollowOptions
  #position: string | undefined
  /** Whether the last event delivered was a `finish`: then the turn is over, or waits. */
  #atFinish = false
  #hint = Promise.withResolvers<void>()
  #unwatch: (() => void) | undefined

  constructor(options: FollowOptions) {
    this.#options = options
    this.#position = options.after
  }

  close(): void {
    this.#unwatch?.()
  }

  async read(): Promise<FollowEnd> {
    const { signal, store, sessionId, logId } = this.#options
    let isSeenOver = false
    for (;;) {
      signal.throwIfAborted()
      const tail = this.#localTail()
      if (tail !== undefined) await this.#followTail(tail)
      else await this.#watch()
      const page = await store.readLog(sessionId, logId, this.#position, pageSize)
      if (page === undefined) return 'gone'
      for (const entry of page.entries) await this.#deliver(entry)
      // A claim's own entry: if it only gave the turn away, whoever sees it first may take it.
      if (page.entries.some(({ events }) => events.length === 0)) this.#options.onSilence()
      if (page.entries.length === pageSize) continue
      if (page.finished) return 'finished'
      if (this.#localTail() !== undefined) continue
      if (page.entries.length > 0 && !this.#atFinish) continue
      if (await this.#isOver()) {
        // A reader that begins behind the `finish` sees nothing more, which two reads make sure of.
        if (this.#atFinish || isSeenOver) return 'finished'
        isSeenOver = true
      } else {
        isSeenOver = false
        if (page.entries.length === 0) await this.#wait()
      }
    }
  }

  /** The tail of this very log, once all that came before it has been read. */
  #localTail(): LocalTail | undefined {
    const { tails, sessionId, logId } = this.#options
    const local = tails.get(sessionId)
    if (local === undefined || local.logId !== logId || local.tail.ended) return undefined
    if (this.#position === undefined) return undefined
    return compareIds(this.#position, local.tail.after) >= 0 ? local.tail : undefined
  }

  async #followTail(tail: LocalTail): Promise<void> {
    const { signal } = this.#options
    let news = Promise.withResolvers<void>()
    const wake = () => news.resolve()
    const unlisten = tail.listen(wake)
    signal.addEventListener('abort', wake, { once: true })
    try {
      const position = this.#position ?? ''
      let index = tail.entries.findIndex(({ id }) => compareIds(id, position) > 0)
      if (index === -1) index = tail.entries.length
      for (;;) {
        signal.throwIfAborted()
        const entry = tail.entries[index]
        if (entry !== undefined) {
          index++
          await this.#deliver(entry)
        } else if (tail.ended) return
        else {
          await news.promise
          news = Promise.withResolvers<void>()
        }
      }
    } finally {
      unlisten()
      signal.removeEventListener('abort', wake)
    }
  }

  async #deliver(entry: LogEntry): Promise<void> {
    this.#position = entry.id
    const last = entry.events.at(-1)
    if (last !== undefined) this.#atFinish = last.type === 'finish'
    const wait = this.#options.deliver(entry)
    if (wait !== undefined) await wait
  }

  /** Subscribes first and reads then: what happens between the two is not missed. */
  async #watch(): Promise<void> {
    const { store, sessionId } = this.#options
    this.#unwatch ??= await store.watch(sessionId, 'log', () => this.#hint.resolve())
  }

  /** A message that waits for a client or a human has an open log and no owner. */
  async #isOver(): Promise<boolean> {
    const session = await this.#options.store.session(this.#options.sessionId)
    return session?.state !== 'running' || session.turn?.logId !== this.#options.logId
  }

  async #wait(): Promise<void> {
    const { signal, pollMs } = this.#options
    const silence = Promise.withResolvers<'silence'>()
    const timer = setTimeout(() => silence.resolve('silence'), pollMs)
    const wake = () => this.#hint.resolve()
    signal.addEventListener('abort', wake, { once: true })
    try {
      const reason = await Promise.race([this.#hint.promise, silence.promise])
      if (reason === 'silence') this.#options.onSilence()
      this.#hint = Promise.withResolvers<void>()
    } finally {
      clearTimeout(timer)
      signal.removeEventListener('abort', wake)
    }
  }
}
