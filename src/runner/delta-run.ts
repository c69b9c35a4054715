/**
 * Runs of deltas of one part. What came in one network read would reach a reader in one write all
 * the same, and every event costs: so it is one event.
 */
import type { LanguageModelV4StreamPart } from '@ai-sdk/provider'

type Delta = Extract<LanguageModelV4StreamPart, { type: 'text-delta' | 'reasoning-delta' }>

export const isDelta = (part: LanguageModelV4StreamPart | undefined): part is Delta =>
  part?.type === 'text-delta' || part?.type === 'reasoning-delta'

/** How many of `parts` from `index` on can be one; 1 where the next is of another kind. */
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

/** The run that begins at `index` as one part. */
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
