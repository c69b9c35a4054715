/** How much of a window a prompt may fill, and how what it fills is shared out. In tokens. */
import type { CompactionOptions } from '../../compaction.ts'

export interface Limits {
  /** What the model can read at all; infinite where that is not known. */
  window: number
  /** What the messages may fill, next to the system prompt and the tools. */
  room: number
  /** The newest messages, which stay as they are. */
  keep: number
  /** A summary. */
  summary: number
}

const reserveMin = 16_000
const reserveMax = 32_000
const keepMax = 20_000
const summaryMax = 4000

/**
 * What a prompt may fill: the rest is for the answer, and for what an estimate misses.
 * @param window 0 where it is not known, and then nothing is too long
 */
export function thresholdOf(
  window: number,
  maxOutputTokens: number | undefined,
  { threshold }: CompactionOptions,
): number {
  const known = window > 0 ? window : Number.POSITIVE_INFINITY
  if (threshold !== undefined) return Math.min(threshold, known)
  const reserve = Math.max(reserveMin, Math.min(maxOutputTokens ?? 0, reserveMax))
  return known - Math.min(reserve, known / 4)
}

/** @param overhead the system prompt and the tools */
export function limitsOf(
  { window, threshold, overhead }: { window: number; threshold: number; overhead: number },
  { keepTokens = keepMax }: CompactionOptions,
): Limits {
  // Where the tools alone are over the threshold, half of what is left is better than nothing.
  const room = Math.max(threshold - overhead, Math.min(window - overhead, threshold) / 2, 0)
  return {
    window,
    room,
    keep: Math.min(keepTokens, room / 3),
    summary: Math.min(summaryMax, room / 6),
  }
}
