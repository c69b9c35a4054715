/**
 * The entries of a log that this process writes, for the readers in this process: they need no store
 * to follow it. It holds what the current claim appended; what came before is in the store.
 */
import { Tail } from './tail.ts'

export class LocalTail extends Tail {
  readonly #isWhole: boolean

  /**
   * @param after the entry before the first of these: the claim's own
   * @param isWhole whether this claim began the log, so that nothing came before
   */
  constructor(after: string, isWhole = false) {
    // The turn's log holds its entries anyway, for a store that loses them.
    super({ after, entriesMax: Number.POSITIVE_INFINITY })
    this.#isWhole = isWhole
  }

  /** Whether a reader that has this entry, or none, can go on here. */
  serves(position: string | undefined): boolean {
    if (this.ended) return false
    return position === undefined ? this.#isWhole : this.follows(position)
  }

  /** No more entries will come from this process, whether or not the turn is done. */
  override end(): void {
    super.end('read-on')
  }
}

/** The tails of the turns that this process runs, by session. */
export type LocalTails = Map<string, { logId: string; tail: LocalTail }>

/** The tail of this very log, where this process writes it and a reader can go on there. */
export function localTail(
  tails: LocalTails,
  { sessionId, logId }: { sessionId: string; logId: string },
  position: string | undefined,
): LocalTail | undefined {
  const local = tails.get(sessionId)
  return local?.logId === logId && local.tail.serves(position) ? local.tail : undefined
}
