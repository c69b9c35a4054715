/**
 * Files that a model refused, as far as this process knows. Nothing of it is stored: whoever does not
 * know asks once more, and finds out. An hour later a file is tried again, since providers change, and
 * a refusal may have had another reason.
 */
import { createHash } from 'node:crypto'

import type { LanguageModelV4, LanguageModelV4FilePart } from '@ai-sdk/provider'

const rememberedMs = 60 * 60 * 1000
const rememberedMax = 1000

interface Refused {
  until: number
  /** False for one of several files that were refused together: one of them may have been to blame. */
  isSure: boolean
}

/** What each model refused. It goes when the model goes. */
const refusedBy = new WeakMap<LanguageModelV4, Map<string, Refused>>()

type File = LanguageModelV4FilePart

/** @param keys of files, of kinds and of texts */
export function remember(
  model: LanguageModelV4,
  keys: readonly { key: string; isSure: boolean }[],
  now: number = Date.now(),
): void {
  const refused = refusedBy.get(model) ?? new Map<string, Refused>()
  refusedBy.set(model, refused)
  for (const { key, isSure } of keys) refused.set(key, { until: now + rememberedMs, isSure })
  for (const oldest of refused.keys()) {
    if (refused.size <= rememberedMax) return
    refused.delete(oldest)
  }
}

/** Whether the model refused what has this key, within the last hour. */
export function isKeyRemembered(
  model: LanguageModelV4,
  key: string,
  now: number = Date.now(),
): boolean {
  const refused = refusedBy.get(model)?.get(key)
  return refused !== undefined && refused.until > now
}

/** @param isNewest such a file is shown once more, unless it is sure that the model refuses it */
export function isRemembered(
  model: LanguageModelV4,
  file: File,
  { isNewest, now = Date.now() }: { isNewest: boolean; now?: number },
): boolean {
  const all = refusedBy.get(model)
  // A look at the bytes of each file is not for free.
  if (all === undefined || all.size === 0) return false
  return [kindKey(kindOf(file.mediaType)), fileKey(file)].some((key) => {
    const refused = all.get(key)
    return refused !== undefined && refused.until > now && (refused.isSure || !isNewest)
  })
}

/** `image`, `audio`, `video`, `pdf`, as the registry of models names what a model reads. */
export const kindOf = (mediaType: string): string =>
  /^application\/pdf$/i.test(mediaType) ? 'pdf' : (mediaType.split('/')[0] ?? '').toLowerCase()

export const kindKey = (kind: string): string => `kind:${kind}`

/** Characters or bytes; of longer files only samples are hashed. */
const wholeMax = 1_000_000
const samples = 16
const sampleLength = 16_000

/**
 * A digest of the content, so that the same file is known again wherever it stands. Of a large file it
 * covers the length and samples: a prompt may hold many of them.
 */
export function fileKey({ data }: File): string {
  const hash = createHash('sha256')
  if (data.type === 'data') for (const sample of samplesOf(data.data)) hash.update(sample)
  else if (data.type === 'url') hash.update(data.url.href)
  else hash.update(JSON.stringify(data))
  return hash.digest('base64url')
}

function samplesOf(data: Uint8Array | string): (Uint8Array | string)[] {
  if (data.length <= wholeMax) return [data]
  const stride = (data.length - sampleLength) / (samples - 1)
  const all = Array.from({ length: samples }, (_, index) => {
    const start = Math.floor(index * stride)
    return data.slice(start, start + sampleLength)
  })
  return [`${data.length} `, ...all]
}
