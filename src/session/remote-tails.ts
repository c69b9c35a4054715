import { pageSize, TailSource, type TailSourceOptions, type TailStart } from './tail-source.ts'
/**
 * The tails of logs that other processes write. This process reads each log once for all its readers. A
 * tail ends with its last reader.
 */
import { Tail } from './tail.ts'

export class RemoteTails {
  readonly #options: TailSourceOptions
  readonly #tails = new Map<string, Tail>()

  constructor(options: TailSourceOptions) {
    this.#options = options
  }

  /** The number of followed logs. */
  get size(): number {
    return this.#tails.size
  }

  /**
   * Returns a tail, which the caller must read at once. Returns undefined if the tail is ahead of this
   * reader: then the store has the missing entries.
   */
  at(start: TailStart): Tail | undefined {
    const key = JSON.stringify([start.sessionId, start.logId])
    const current = this.#tails.get(key)
    if (current !== undefined) return current.follows(start.position) ? current : undefined
    const abort = new AbortController()
    const tail = new Tail({
      after: start.position,
      entriesMax: pageSize,
      onEmpty: () => abort.abort(),
    })
    this.#tails.set(key, tail)
    // No reader joins a tail at its end: a later reader reads the store.
    const close = () => this.#tails.get(key) === tail && this.#tails.delete(key)
    abort.signal.addEventListener('abort', close)
    const source = new TailSource(this.#options, start, { tail, signal: abort.signal })
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
