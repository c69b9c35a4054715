import { slowness } from '../machine.ts'

/** Random numbers that can be repeated: a failure names the seed. */
export interface Chance {
  readonly seed: number
  /** Returns an integer from 0 to below `end`. */
  below: (end: number) => number
}

export function chance(seed = Math.floor(Math.random() * 2 ** 31)): Chance {
  let state = seed
  return {
    seed,
    // splitmix32
    below(end) {
      state = (state + 0x9e3779b9) | 0
      let mixed = state ^ (state >>> 16)
      mixed = Math.imul(mixed, 0x21f0aaad)
      mixed ^= mixed >>> 15
      mixed = Math.imul(mixed, 0x735a2d97)
      return ((mixed ^ (mixed >>> 15)) >>> 0) % end
    },
  }
}

/** Returns the median; of two middle values the greater one. */
export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN
}

/**
 * Repeats a measurement that was too slow, at most three times. Other load slows a machine down, so the
 * time is divided by the slowdown just after the measurement (`machine.ts`).
 */
export async function measured(limit: number, measure: () => Promise<number>): Promise<number> {
  let value = Number.POSITIVE_INFINITY
  for (let attempt = 0; attempt < 3 && !(value < limit); attempt++) {
    value = (await measure()) / slowness()
  }
  return value
}
