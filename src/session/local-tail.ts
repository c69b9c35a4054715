/**
 * The entries of a log that this process writes. The readers in this process follow it without the
 * store. It contains the entries of the current claim; the earlier ones are in the store.
 */
import { Tail } from './tail.ts'

export class LocalTail extends Tail {
  readonly #isWhole: boolean

  /**
   * @param after the entry before the first entry of this tail: the entry of the claim
   * @param isWhole whether this claim began the log, so that the log has no earlier entries
   */
  constructor(after: string, isWhole = false) {
    // No limit: `TurnLog` keeps the entries anyway, for a store that loses them.
    super({ after, entriesMax: Number.POSITIVE_INFINITY })
    this.#isWhole = isWhole
  }

  /** Whether this tail has everything after this entry, or after the start of the log. */
  serves(position: string | undefined): boolean {
    if (this.hasEnded) return false
    return position === undefined ? this.#isWhole : this.follows(position)
  }

  /** This process writes no more entries. The turn may continue in another process. */
  override end(): void {
    super.end('read-on')
  }
}

/** The tails of the turns that this process runs, by session. */
export type LocalTails = Map<string, { logId: string; tail: LocalTail }>

/** Returns the tail of this log if this process writes it and the tail has everything after `position`. */
export function localTail(
  tails: LocalTails,
  { sessionId, logId }: { sessionId: string; logId: string },
  position: string | undefined,
): LocalTail | undefined {
  const local = tails.get(sessionId)
  return local?.logId === logId && local.tail.serves(position) ? local.tail : undefined
}
