/**
 * Files that a model refused, as far as this process knows. Nothing of it is stored: whoever does not
 * know asks once more, and finds out. An hour later a file is tried again, since providers change, and
 * a refusal may have had another reason.
 */
import { createHash } from 'node:crypto'

import type { LanguageModelV4, LanguageModelV4FilePart } from '@ai-sdk/provider'

const rememberedMs = 60 * 60 * 1000
const rememberedMax = 1000

/** What each model refused, with the time until which that counts. It goes when the model goes. */
const refusedBy = new WeakMap<LanguageModelV4, Map<string, number>>()

type File = LanguageModelV4FilePart

export function remember(
  model: LanguageModelV4,
  keys: readonly string[],
  now: number = Date.now(),
): void {
  const refused = refusedBy.get(model) ?? new Map<string, number>()
  refusedBy.set(model, refused)
  for (const key of keys) refused.set(key, now + rememberedMs)
  for (const oldest of refused.keys()) {
    if (refused.size <= rememberedMax) return
    refused.delete(oldest)
  }
}

export function isRemembered(
  model: LanguageModelV4,
  file: File,
  now: number = Date.now(),
): boolean {
  const refused = refusedBy.get(model)
  if (refused === undefined) return false
  const counts = (key: string) => (refused.get(key) ?? 0) > now
  return counts(kindKey(kindOf(file.mediaType))) || counts(fileKey(file))
}

/** `image`, `audio`, `video`, `pdf`, as the registry of models names what a model reads. */
export const kindOf = (mediaType: string): string =>
  /^application\/pdf$/i.test(mediaType) ? 'pdf' : (mediaType.split('/')[0] ?? '').toLowerCase()

export const kindKey = (kind: string): string => `kind:${kind}`

/** A digest of the content, so that the same file is known again wherever it stands. */
export function fileKey({ data }: File): string {
  const hash = createHash('sha256')
  if (data.type === 'data') hash.update(data.data)
  else if (data.type === 'url') hash.update(data.url.href)
  else hash.update(JSON.stringify(data))
  return hash.digest('base64url')
}
