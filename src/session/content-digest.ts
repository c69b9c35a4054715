/** Digests that identify content: equal content has an equal digest. */
import { createHash, webcrypto } from 'node:crypto'

/** Characters of JSON. For a shorter text, work in another thread costs more than the hash. */
const largeLength = 16_384

/** Returns the same as `digest`, but hashes megabytes of files outside the event loop. */
export async function contentDigest(value: unknown): Promise<string> {
  const json = JSON.stringify(value)
  if (json.length < largeLength) return digestOf(json)
  const bytes = Buffer.from(json)
  const hash = await webcrypto.subtle.digest('SHA-256', bytes)
  return Buffer.from(hash).toString('base64url').slice(0, 22)
}

export const digest = (value: unknown): string => digestOf(JSON.stringify(value))

const digestOf = (json: string) =>
  createHash('sha256').update(json).digest('base64url').slice(0, 22)
