/**
 * The messages that a session and its forks share. A fork moves the large messages of the history to a segment in the slot
 * of the session, and both sessions then have only the number of the segment in the place of each. A segment does not
 * change. It lives as long as the last session that uses it, even if its first session is gone.
 *
 * A fork is in another slot, so each step here can be repeated. If a step fails, at most a segment is left over, and
 * it expires later.
 */
import { randomUUID } from 'node:crypto'

import { LoomError } from '../../ground/error.ts'
import type { Connection } from './connection.ts'
import { callKeys, escaped, registerKey, segmentKeys, sessionKey, sharingKey } from './keys.ts'
import type { Limits } from './limits.ts'

/** A smaller message is copied: the references to it would be as long as the message. */
const bytesMin = 512

/** The segments of one session. After that, its forks copy the messages that no segment has. */
const segmentsMax = 100

/** The time for which a turn may run without a post, in milliseconds. Each post renews the TTL of the segments. */
const slackMs = 7 * 24 * 60 * 60 * 1000

/** The field `shared` of a session: the names of its segments, in the order of their numbers. */
export const segmentNames = (shared: string): string[] => shared.split('\n').filter(Boolean)

/** A message in the reply of a script: the number of a segment, and the id of the message there. */
const reference = /^@(\d+) (.*)$/s

/** The place of a message in a segment. */
interface Reference {
  /** The number of the segment. */
  number: number
  id: string
}

/** Returns the reference to a message, or undefined if the text is the message itself. */
export function referenceIn(text: string): Reference | undefined {
  const [, number, id = ''] = (text.startsWith('@') ? reference.exec(text) : null) ?? []
  return number === undefined ? undefined : { number: Number(number), id }
}

/** Replaces the references among stored messages by the messages. @param shared the field of the session */
export async function withShared(
  connection: Connection,
  texts: readonly string[],
  shared: string,
): Promise<readonly string[]> {
  if (shared === '') return texts
  const names = segmentNames(shared)
  const places = new Map<string, { at: number; id: string }[]>()
  for (const [at, text] of texts.entries()) {
    const found = referenceIn(text)
    if (found === undefined) continue
    const name = names[found.number - 1] ?? ''
    const place = { at, id: found.id }
    const others = places.get(name)
    if (others === undefined) places.set(name, [place])
    else others.push(place)
  }
  const whole = [...texts]
  for (const [name, found] of places) {
    const ids = found.map(({ id }) => id)
    const { segment } = segmentKeys(name)
    const { messages } = await connection.read('read-segment', { segment }, { ids })
    for (const [index, { at }] of found.entries()) whole[at] = messages[index] ?? ''
  }
  return whole
}

/** Moves the large messages of a history to a segment, unless an instance of an earlier version could not read it. */
export async function shareMessages(
  connection: Connection,
  limits: Limits,
  { sessionId, tenant }: { sessionId: string; tenant: string },
): Promise<void> {
  const instances = { register: registerKey, sharing: sharingKey }
  if ((await connection.run('read-sharing', instances, {})).done !== '1') return
  const id = escaped(sessionId)
  const name = `${randomUUID()} ${id}`
  const keys = { ...callKeys('share', sessionId), ...segmentKeys(name) }
  const ttlMs = await ttlOf(connection, limits, sessionId)
  const args = { ...limits, tenant: escaped(tenant), id, name, bytesMin, segmentsMax, ttlMs }
  await connection.run('share', keys, args)
}

/** Notes that a session uses segments. @throws LoomError `gone` if one is missing: its session was deleted meanwhile */
export async function useSegments(
  connection: Connection,
  limits: Limits,
  { sessionId, names }: { sessionId: string; names: readonly string[] },
): Promise<void> {
  if (names.length === 0) return
  const args = { id: escaped(sessionId), ttlMs: await ttlOf(connection, limits, sessionId) }
  const replies = await Promise.all(
    names.map((name) => connection.run('use-segment', segmentKeys(name), args)),
  )
  if (replies.every(({ done }) => done === '1')) return
  throw new LoomError('gone', 'The session was deleted while it was copied.')
}

/** Renews the TTL of segments after a post. If this fails, the post must not fail: a later one renews it too. */
export function renewSegments(
  connection: Connection,
  limits: Limits,
  { sessionId, shared }: { sessionId: string; shared: string },
): void {
  useSegments(connection, limits, { sessionId, names: segmentNames(shared) }).catch(() => {})
}

/** Removes the segments that no other session uses. */
export async function leaveSegments(
  connection: Connection,
  sessionId: string,
  names: readonly string[],
): Promise<void> {
  const id = escaped(sessionId)
  for (const name of names) await connection.run('leave-segment', segmentKeys(name), { id })
}

async function ttlOf(connection: Connection, { sessionTtlMs }: Limits, sessionId: string) {
  const left = await connection.send((client) => client.pttl(sessionKey(sessionId)))
  return Math.max(left, sessionTtlMs) + sessionTtlMs + slackMs
}
