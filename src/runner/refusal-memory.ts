/**
 * Files that a model refused, in the memory of this process. The store has no such list: another process asks
 * once more, and gets the refusal. After an hour a file is tried again, because providers change and a refusal
 * may have had another reason.
 */
import { createHash } from 'node:crypto'

import type { LanguageModelV4, LanguageModelV4FilePart } from '@ai-sdk/provider'

const rememberedMs = 60 * 60 * 1000
const rememberedMax = 1000

interface Refused {
  until: number
  /** False for one of several files that were refused together: the reason may be another of them. */
  isSure: boolean
}

/** The refusals of each model. They are collected with the model. */
const refusedBy = new WeakMap<LanguageModelV4, Map<string, Refused>>()

type File = LanguageModelV4FilePart

/** @param keys the keys of files, of kinds of files and of texts */
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

/** Whether the model refused the content with this key within the last hour. */
export function isKeyRemembered(
  model: LanguageModelV4,
  key: string,
  now: number = Date.now(),
): boolean {
  const refused = refusedBy.get(model)?.get(key)
  return refused !== undefined && refused.until > now
}

/** @param isNewest a file of the latest message is shown once more unless its refusal is certain */
export function isRemembered(
  model: LanguageModelV4,
  file: File,
  { isNewest, now = Date.now() }: { isNewest: boolean; now?: number },
): boolean {
  const all = refusedBy.get(model)
  // Reading the bytes of each file takes time.
  if (all === undefined || all.size === 0) return false
  return [kindKey(kindOf(file.mediaType)), fileKey(file)].some((key) => {
    const refused = all.get(key)
    return refused !== undefined && refused.until > now && (refused.isSure || !isNewest)
  })
}

/** `image`, `audio`, `video`, `pdf`: the names of the model registry. */
export const kindOf = (mediaType: string): string =>
  /^application\/pdf$/i.test(mediaType) ? 'pdf' : (mediaType.split('/')[0] ?? '').toLowerCase()

export const kindKey = (kind: string): string => `kind:${kind}`

/** Characters or bytes. Of a longer file only samples are hashed. */
const wholeMax = 1_000_000
const samples = 16
const sampleLength = 16_000

/**
 * A digest of the content, which is the same wherever the file occurs. For a large file it covers the
 * length and samples, because a prompt may hold many such files.
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
