/**
 * Long work in steps. A step that handles megabytes takes 10 to 30 ms. Several steps in a row would
 * delay the streams of all other clients, so the event loop turns between them.
 */
import { setImmediate as nextTurn } from 'node:timers/promises'

/** The characters that take a millisecond or two to handle. */
const freeMax = 500_000

/** Waits for a turn of the event loop whenever enough work has been done. */
export class WorkSteps {
  #done = 0

  /** @param size of the next work, in characters */
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

/** Estimates the size of a message: its texts, its files and its text outputs. */
export function sizeOf({ parts }: SizedMessage): number {
  let size = 0
  for (const part of parts) {
    for (const value of Object.values(part)) if (typeof value === 'string') size += value.length
  }
  return size
}
