import { slowness } from '../machine.ts'

/** Chance that can be had again: what a test did by it follows from the seed that its failure names. */
export interface Chance {
  readonly seed: number
  /** A whole number from 0 up to, not with, `end`. */
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

/** The middle one; of two middle ones the greater. */
export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN
}

/**
 * Measures again what was too slow, at most three times. A machine that others load as well is slower,
 * so the time is divided by how much it is slower just after the measurement (`machine.ts`).
 */
export async function measured(limit: number, measure: () => Promise<number>): Promise<number> {
  let value = Number.POSITIVE_INFINITY
  for (let attempt = 0; attempt < 3 && !(value < limit); attempt++) {
    value = (await measure()) / slowness()
  }
  return value
}
