/**
 * Long work in steps. A step that handles megabytes takes 10 to 30 ms; several in a row would hold up
 * the streams of everybody else, so between them the event loop turns.
 */
import { setImmediate as nextTurn } from 'node:timers/promises'

/** About as many characters as are handled in a millisecond or two. */
const freeMax = 500_000

/** Waits for a turn of the event loop each time that enough work has come together. */
export class WorkSteps {
  #done = 0

  /** @param size of the work that comes next, in characters */
  async next(size: number): Promise<void> {
    this.#done += size
    if (this.#done < freeMax) return
    this.#done = 0
    await nextTurn()
  }
}

interface SizedMessage {
  readonly parts: readonly object[]
}

/** About how large a message is: its texts and files, and outputs that are text. */
export function sizeOf({ parts }: SizedMessage): number {
  let size = 0
  for (const part of parts) {
    for (const value of Object.values(part)) if (typeof value === 'string') size += value.length
  }
  return size
}
