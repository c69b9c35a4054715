/** `loom key`: makes an API key and its hash, which the server needs instead of the key. */
import { randomBytes } from 'node:crypto'

import { sha256 } from '../config/api-keys.ts'
import { LoomError } from '../ground/error.ts'

/** @returns the lines that the command prints */
export function newKey(name: string): string {
  if (!/^[\w.@-]{1,64}$/.test(name)) {
    throw new LoomError(
      'invalid-request',
      'The name of a key has 1 to 64 letters, digits or any of . _ @ -.',
    )
  }
  // A key of 256 bits cannot be guessed, so its hash needs no salt and no slow function.
  const key = `loom_${randomBytes(32).toString('base64url')}`
  return `${key}
LOOM_API_KEYS=${name}:sha256:${sha256(key).toString('hex')}
`
}
