/**
 * The entries of a log that this process writes, for the readers in this process: they need no store
 * to follow it. It holds what the current claim appended; what came before is in the store.
 */
import type { LogEntry } from '../store/turn.ts'

export class LocalTail {
  readonly entries: LogEntry[] = []
  /** The id of the entry before the first of these. */
  readonly after: string
  #ended = false
  readonly #listeners = new Set<() => void>()

  constructor(after: string) {
    this.after = after
  }

  get ended(): boolean {
    return this.#ended
  }

  push(entry: LogEntry): void {
    this.entries.push(entry)
    for (const listener of this.#listeners) listener()
  }

  /** No more entries will come from this process, whether or not the turn is done. */
  end(): void {
    this.#ended = true
    for (const listener of this.#listeners) listener()
  }

  listen(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }
}

/** The tails of the turns that this process runs, by session. */
export type LocalTails = Map<string, { logId: string; tail: LocalTail }>
