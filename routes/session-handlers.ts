/**
 * The handlers of the session routes. This module loads when `sessionRoutes` is called. It loads
 * the frames, the conversion of messages and zod, and a program that only imports Loom does not
 * need these.
 */
import type { Context } from 'hono'

import { LoomError } from '../src/ground/error.ts'
import { conversationGone } from '../src/session/accept-post.ts'
import { wholeSessionInfo } from '../src/session/awaited-calls.ts'
import { historyPartMax, readHistory } from '../src/session/history.ts'
import { noSession } from '../src/session/receipt.ts'
import { sessionInfo } from '../src/session/session-info.ts'
import { storedId } from '../src/session/tenant-ids.ts'
import { seenMessage } from '../src/wire/frames/seen-message.ts'
import { readingOf } from '../src/wire/reading.ts'
import { audit } from './audit.ts'
import { jsonResponse } from './json-response.ts'
import { numberParameter } from './number-parameter.ts'
import { followOf, followSession } from './session-follow.ts'
import { streamSession } from './session-stream.ts'
import { findSession, ownSession, type SessionWorld } from './session-world.ts'

export { answerTool, decide } from './session-answers.ts'
export { file } from './session-file.ts'
export { fork } from './session-fork.ts'
export { inspect } from './session-inspection.ts'
export { post } from './session-post.ts'
export { prompt } from './session-prompt.ts'
export { queue, runQueue, stop, withdraw } from './session-queue.ts'
export { members, setMembers } from './session-members.ts'
export { socket } from './session-socket.ts'
export { tasks } from './session-tasks.ts'
export { addSchedule, removeSchedule, schedules } from './session-schedules.ts'

// Reading

export async function show(c: Context, world: SessionWorld): Promise<Response> {
  return jsonResponse(
    c,
    await wholeSessionInfo(world.loom.sessions, await ownSession(c, world, 'reader')),
  )
}

export async function resume(c: Context, world: SessionWorld): Promise<Response> {
  const { sessions } = world.loom
  const reading = readingOf(c, {})
  const follow = followOf(c, reading)
  const id = c.req.param('id') ?? ''
  const { tenant } = world
  const session = await findSession(world, id, 'reader', { isReader: true })
  const cursor = (c.req.query('after') ?? c.req.header('last-event-id')) || undefined
  if (session === undefined && cursor !== undefined) throw conversationGone()
  // `useChat({ resume: true })` calls this before the session exists, and reports any status but
  // 204 as an error.
  if (session === undefined && follow !== 'session') return c.body(null, 204)
  const sessionId = session?.id ?? storedId(tenant, id)
  const place = await sessions.readers.placeOf(sessionId, cursor)
  const from = { sessionId, createdAt: session?.createdAt, place, cursor, reading }
  if (follow === 'session') return followSession(c, world, { ...from, scope: follow })
  if (place === undefined) return c.body(null, 204)
  return follow === 'queue'
    ? followSession(c, world, { ...from, scope: follow })
    : streamSession(c, world, { sessionId, place, reading })
}

/**
 * Returns the messages of a session, or an empty list if it does not exist: a page calls this
 * before its first message. The user messages that wait in the queue follow the history, so that a
 * reloaded page shows them. `?queued=0` leaves them out.
 */
export async function messages(c: Context, world: SessionWorld): Promise<Response> {
  const { sessions } = world.loom
  const session = await findSession(world, c.req.param('id') ?? '', 'reader')
  const { profile } = readingOf(c, {})
  const queued = c.req.query('queued') ?? '1'
  if (queued !== '0' && queued !== '1') {
    throw new LoomError('invalid-request', 'queued must be 0 or 1.')
  }
  const limit = numberParameter(c, 'limit', historyPartMax)
  const before = c.req.query('before')
  if (session === undefined) return c.json([])
  const { messages: part, hasEarlier } = await readHistory(sessions, session.id, {
    queued: queued === '1',
    limit,
    before,
  })
  const [first] = part
  if (hasEarlier && first !== undefined)
    c.header('Link', `<${earlierPart(c, first.id)}>; rel="next"`)
  return jsonResponse(
    c,
    part.map((message) => seenMessage(message, profile)),
  )
}

/** The address of the messages before the one with this id, relative to that of the request (RFC 8288). */
function earlierPart(c: Context, id: string): string {
  const query = new URLSearchParams(c.req.query())
  query.set('before', id)
  return `?${query.toString()}`
}

/**
 * Returns the messages that edits and regenerations cut. A fork can begin at a branch by its
 * number.
 */
export async function branches(c: Context, world: SessionWorld): Promise<Response> {
  const { id } = await ownSession(c, world, 'reader')
  const { profile } = readingOf(c, {})
  const branchList = await world.loom.sessions.branches(id)
  return jsonResponse(c, {
    branches: branchList.map(({ messages, ...branch }) => ({
      ...branch,
      messages: messages.map((message) => seenMessage(message, profile)),
    })),
  })
}

/** A transport with `api: '/api/chat?profile=v7'` reconnects to `?profile=v7/ID/stream`. */
const reconnection = /^(v[567])\/(.+)\/stream$/

/**
 * The most sessions in one response. A request for more gets this many, and the position of the
 * next page.
 */
const listMax = 200

export async function list(c: Context, world: SessionWorld): Promise<Response> {
  const { loom, tenant, principal } = world
  const [, profile, id] = reconnection.exec(c.req.query('profile') ?? '') ?? []
  if (profile !== undefined && id !== undefined) {
    return c.redirect(`${c.req.path}/${encodeURIComponent(id)}/stream?profile=${profile}`, 307)
  }
  const limit = Math.min(numberParameter(c, 'limit', 1_000_000) ?? 50, listMax)
  const before = numberParameter(c, 'before', Number.MAX_SAFE_INTEGER)
  if (principal.session !== undefined) {
    const only = await findSession(world, principal.session, 'reader')
    return c.json({ sessions: only === undefined ? [] : [sessionInfo(only)] })
  }
  const page = await loom.sessions.list(tenant, {
    limit,
    ...(before !== undefined && { before }),
    ...(principal.subject !== undefined && { subject: principal.subject }),
  })
  return c.json({ ...page, sessions: page.sessions.map(sessionInfo) })
}

// Acting

export async function remove(c: Context, world: SessionWorld): Promise<Response> {
  const { sessions } = world.loom
  const { id: sessionId, tenant } = await ownSession(c, world, 'owner')
  if (!(await sessions.remove(sessionId, tenant))) throw noSession()
  const { loom, principal } = world
  await audit(c, loom, { principal, tenant, action: 'delete', sessionId })
  return c.body(null, 204)
}
