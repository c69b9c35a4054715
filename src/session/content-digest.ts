/** Digests that identify content: equal content has an equal digest. */
import { createHash, webcrypto } from 'node:crypto'

/** Returns the same as `digest`, but hashes megabytes of files outside the event loop. */
export async function contentDigest(value: unknown): Promise<string> {
  const bytes = Buffer.from(JSON.stringify(value))
  const hash = await webcrypto.subtle.digest('SHA-256', bytes)
  return Buffer.from(hash).toString('base64url').slice(0, 22)
}

export const digest = (value: unknown): string =>
  createHash('sha256').update(JSON.stringify(value)).digest('base64url').slice(0, 22)
