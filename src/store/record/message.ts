/**
 * The compact form of a stored message: a list of values without the names of their fields. Texts, tool calls and the
 * metadata of answers have forms of their own. Everything else keeps its names, so each message can be stored, and
 * reading returns an equal message.
 *
 * `[1, role, id, parts, metadata]`: the first value is the version of this form. A message in its own form is an object.
 */
import type { UIMessage } from 'ai'

import { LoomError } from '../../ground/error.ts'
import { compactMetadata, wholeMetadata } from './metadata.ts'
import { type CompactPart, compactPart, wholePart } from './part.ts'

/** The version of the form, and the first value of each record. */
const version = 1

const roles = ['user', 'assistant', 'system'] as const

/** A message in the compact form. */
export type CompactMessage = [
  version: number,
  role: number,
  id: string,
  parts: CompactPart[],
  metadata?: unknown,
]

/** Returns the compact form of a message. Returns the message itself if the form has no place for one of its fields. */
export function compactMessage(message: UIMessage): UIMessage | CompactMessage {
  const { id, role, metadata } = message
  const number = roles.indexOf(role)
  if (number === -1 || !Object.keys(message).every(isName)) return message
  const isAnswer = role === 'assistant'
  const parts: CompactPart[] = []
  for (const part of message.parts) {
    const compact = compactPart(part, isAnswer)
    if (compact === undefined) return message
    parts.push(compact)
  }
  if (metadata === undefined) return [version, number, id, parts]
  const compact = compactMetadata(metadata)
  return compact === undefined ? message : [version, number, id, parts, compact]
}

const isName = (name: string) =>
  name === 'id' || name === 'role' || name === 'parts' || name === 'metadata'

/**
 * Returns the message in its own form. @param stored the value of a stored JSON, in either form
 * @throws LoomError `unavailable` for a record of a later version
 */
export function wholeMessage(stored: UIMessage | CompactMessage): UIMessage {
  if (!Array.isArray(stored)) return stored
  const [of, number, id, parts, metadata] = stored
  const role = roles[number]
  if (of !== version || role === undefined) {
    throw new LoomError(
      'unavailable',
      'A later version of Loom stored a message of this session: this version cannot read it. Start that version.',
    )
  }
  const isAnswer = role === 'assistant'
  return {
    id,
    ...(metadata !== undefined && { metadata: wholeMetadata(metadata) }),
    role,
    parts: parts.map((part) => wholePart(part, isAnswer)),
  }
}
