/** How much of a window a prompt may use, and how its parts share that. All sizes are tokens. */
import type { CompactionOptions } from '../../compaction.ts'

export interface Limits {
  /** The window of the model; infinite if it is not known. */
  window: number
  /** The room for messages, without the system prompt and the tools. */
  room: number
  /** The newest messages, which stay unchanged. */
  keep: number
  /** A summary. */
  summary: number
}

const reserveMin = 16_000
const reserveMax = 32_000
const keepMax = 20_000
const summaryMax = 4000

/**
 * The greatest size of a prompt. The rest of the window is for the answer and for estimation errors.
 * @param window 0 if it is not known; then no prompt is too long
 */
export function thresholdOf(
  window: number,
  maxOutputTokens: number | undefined,
  { threshold }: CompactionOptions,
): number {
  const limit = window > 0 ? window : Number.POSITIVE_INFINITY
  if (threshold !== undefined) return Math.min(threshold, limit)
  const reserve = Math.max(reserveMin, Math.min(maxOutputTokens ?? 0, reserveMax))
  return limit - Math.min(reserve, limit / 4)
}

/** @param overhead the size of the system prompt and the tools */
export function limitsOf(
  { window, threshold, overhead }: { window: number; threshold: number; overhead: number },
  { keepTokens = keepMax }: CompactionOptions,
): Limits {
  // If the tools alone are over the threshold, half of the rest is better than no room.
  const room = Math.max(threshold - overhead, Math.min(window - overhead, threshold) / 2, 0)
  return {
    window,
    room,
    keep: Math.min(keepTokens, room / 3),
    summary: Math.min(summaryMax, room / 6),
  }
}
