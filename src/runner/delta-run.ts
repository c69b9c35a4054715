/**
 * Joins consecutive deltas of one part. Deltas of one network read reach a reader in one write anyway,
 * and each event has a cost, so they become one event.
 */
import type { LanguageModelV4StreamPart } from '@ai-sdk/provider'

type Delta = Extract<LanguageModelV4StreamPart, { type: 'text-delta' | 'reasoning-delta' }>

export const isDelta = (part: LanguageModelV4StreamPart | undefined): part is Delta =>
  part?.type === 'text-delta' || part?.type === 'reasoning-delta'

/** How many of `parts`, from `index` on, can be joined; 1 if the next one does not fit. */
export function runLength(parts: readonly LanguageModelV4StreamPart[], index: number): number {
  const first = parts[index]
  if (!isDelta(first) || first.providerMetadata !== undefined) return 1
  let end = index + 1
  for (; end < parts.length; end++) {
    const part = parts[end]
    if (!isDelta(part) || part.type !== first.type || part.id !== first.id) break
    if (part.providerMetadata !== undefined) break
  }
  return end - index
}

/** The joined part of the run that starts at `index`. */
export function joinRun(
  parts: readonly LanguageModelV4StreamPart[],
  first: Delta,
  { index, length }: { index: number; length: number },
): Delta {
  let { delta } = first
  for (let next = index + 1; next < index + length; next++) {
    const part = parts[next]
    if (isDelta(part)) delta += part.delta
  }
  return { type: first.type, id: first.id, delta }
}
