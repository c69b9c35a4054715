/** Reads `LOOM_API_KEYS`: a list of keys or their hashes, with names and scopes. No error text contains a key. */
import { createHash } from 'node:crypto'

import type { z } from 'zod/v4'

import { isScope, type Scope } from '../ground/principal.ts'

/** A bearer token. Keys with the same name are one tenant, so that one key can replace another. */
export interface ApiKey {
  /** The key, or `sha256:` and the SHA-256 of the key as hexadecimal digits. */
  key: string
  /** The name of the key's tenant. Undefined makes the key a tenant of its own. */
  name: string | undefined
  /** What the key may do. @defaultValue everything */
  scopes?: readonly KeyScope[]
}

/** `tokens`: the key may make tokens for browsers. */
export type KeyScope = Scope | 'tokens'

const isKeyScope = (word: string): word is KeyScope => word === 'tokens' || isScope(word)

const hashForm = /^sha256:([0-9a-f]{64})$/i

/** The beginning of every token that the server makes. A key with it would be taken for a token. */
export const tokenPrefix = 'loomt_'

export function keysIn(list: string, context: z.RefinementCtx): ApiKey[] {
  const entries = list.split(',').map((entry) => entry.trim())
  const keys = entries.filter((entry) => entry !== '').map((entry) => keyOf(entry, context))
  const isShort = ({ key }: ApiKey) => !key.startsWith('sha256:') && key.length < 8
  if (keys.some(isShort)) {
    context.addIssue(
      'must list keys of at least 8 characters, separated by commas; a name and a colon may precede each key',
    )
  }
  if (keys.some(({ key }) => key.startsWith('sha256:') && !hashForm.test(key))) {
    context.addIssue('must have 64 hexadecimal digits after sha256:, as `loom key` prints them')
  }
  if (keys.some(({ key, name }) => name === undefined && hashForm.test(key))) {
    context.addIssue('must name each hashed key, as in alice:sha256:…')
  }
  if (keys.some(({ key }) => key.startsWith(tokenPrefix))) {
    context.addIssue(`must not list a key that begins with ${tokenPrefix}, as tokens do`)
  }
  if (keys.some(({ name }) => name !== undefined && !/^[\w.@-]{1,64}$/.test(name))) {
    context.addIssue(
      'must name keys by 1 to 64 letters, digits or any of . _ @ -, as in alice:a-long-secret',
    )
  }
  const names = new Map(keys.map(({ key, name }) => [digestOf(key).toString('hex'), name]))
  if (keys.some(({ key, name }) => names.get(digestOf(key).toString('hex')) !== name)) {
    context.addIssue('must not give one key to two names')
  }
  return keys
}

/** Reads `LOOM_OPERATOR_KEYS`: named keys, which have no scopes because they reach no session as a user does. */
export function operatorKeysIn(list: string, context: z.RefinementCtx): ApiKey[] {
  const keys = keysIn(list, context)
  if (keys.some(({ name }) => name === undefined)) {
    context.addIssue('must name each key, as in ops:a-long-secret: the name is in the audit')
  }
  if (keys.some(({ scopes }) => scopes !== undefined)) {
    context.addIssue('must list keys without scopes: an operator governs, and does nothing else')
  }
  return keys
}

/** A key may contain colons if a name precedes it. Scopes follow the name after a slash. */
function keyOf(entry: string, context: z.RefinementCtx): ApiKey {
  const at = entry.indexOf(':')
  if (at === -1 || hashForm.test(entry)) return { key: entry, name: undefined }
  const key = normal(entry.slice(at + 1).trim())
  const [name = '', words] = entry.slice(0, at).split('/', 2)
  if (words === undefined) return { key, name: name.trim() }
  const scopes = words.split('+').map((word) => word.trim())
  if (!scopes.every(isKeyScope)) {
    context.addIssue(
      'must list scopes after a slash, from read, chat, admin and tokens, as in alice/chat+tokens:a-long-secret',
    )
    return { key, name: name.trim() }
  }
  return { key, name: name.trim(), scopes }
}

const normal = (key: string) => (hashForm.test(key) ? key.toLowerCase() : key)

/** The SHA-256 of a key, which may be in the hashed form already. */
export function digestOf(key: string): Buffer {
  const [, hex] = hashForm.exec(key) ?? []
  return hex === undefined ? sha256(key) : Buffer.from(hex, 'hex')
}

/** Whether the setting has the key itself and not its hash. */
export const isPlain = ({ key }: ApiKey): boolean => !hashForm.test(key)

export const sha256 = (text: string): Buffer => createHash('sha256').update(text).digest()
