/** `POST /api/chat` where sessions live: a message is accepted, and its answer read as was asked. */
import { randomUUID } from 'node:crypto'

import type { Context } from 'hono'

import { idLengthMax } from '../src/conversation.ts'
import { fieldOf } from '../src/conversation/fields.ts'
import { LoomError } from '../src/error.ts'
import { textOf } from '../src/message-fold.ts'
import { letterOf, type Posting } from '../src/session/posted.ts'
import type { Answering } from '../src/sessions.ts'
import { readingOf } from '../src/stream-agent.ts'
import { readJson } from './body.ts'
import { type ChatRequest, postedMessages, readRequest } from './chat-request.ts'
import { noSession } from './own-session.ts'
import { streamSession } from './session-stream.ts'
import type { SessionWorld } from './session-world.ts'
import { tenantOf } from './tenant.ts'

export async function post(c: Context, world: SessionWorld): Promise<Response> {
  const request = readRequest(await readJson(c))
  const agent = world.agentOf(c.req.param('agent') ?? request.agent ?? world.config.agent)
  const sessionId = request.id === undefined || request.id === '' ? randomUUID() : request.id
  const tenant = tenantOf(c)
  const known = await world.sessions.store.session(sessionId)
  if (known !== undefined && known.tenant !== tenant) throw noSession()
  await world.checkModel(agent)
  const letter = await letterOf(
    postingOf(c, request, agent.name),
    await world.sessions.held(sessionId),
  )
  c.header('x-loom-session', sessionId)
  if (letter === undefined) return watch(c, world, sessionId)
  const answering = await world.sessions.post(sessionId, letter, {
    tenant,
    agent: agent.name,
    whenBusy: request.whenBusy ?? 'queue',
  })
  return answer(c, world, { sessionId, answering })
}

function postingOf(c: Context, request: ChatRequest, agent: string): Posting {
  const { trigger = 'submit-message', messageId, context } = request
  const key = c.req.header('idempotency-key')
  if (key !== undefined && key.length > idLengthMax) {
    throw new LoomError('invalid-request', `Idempotency-Key is longer than ${idLengthMax}.`)
  }
  return {
    trigger,
    messageId,
    key: key === '' ? undefined : key,
    last: lastMessage(request),
    request: { agent, approvals: canApprove(c), ...(context !== undefined && { context }) },
  }
}

/** A client of ai 5, or one that reads plain text, has no way to show what is asked. */
function canApprove(c: Context): boolean {
  const { profile, protocol } = readingOf(c, {})
  return profile !== 'v5' && protocol === 'ui'
}

/** What a client has no say in is passed over: an agent's instructions are the server's. */
function lastMessage(request: ChatRequest): unknown {
  const said = postedMessages(request).filter((message) => fieldOf(message, 'role') !== 'system')
  if (said.length > 0) return said.at(-1)
  throw new LoomError('invalid-request', 'messages holds no user message.')
}

/** SSE, the whole answer as JSON, or only that it was accepted: as the request's headers ask. */
export async function answer(
  c: Context,
  world: SessionWorld,
  { sessionId, answering }: { sessionId: string; answering: Answering },
): Promise<Response> {
  const { logId, letterId, after, queued } = answering
  if (/\brespond-async\b/.test(c.req.header('prefer') ?? '')) {
    c.header('Preference-Applied', 'respond-async')
    return c.json({ id: sessionId, letterId, messageId: logId, queued }, 202)
  }
  if (wantsOnlyJson(c)) return wholeAnswer(c, world, { sessionId, answering })
  return streamSession(c, world, {
    sessionId,
    place: { logId, after, skip: 0 },
    ...(queued && { queuedLetter: letterId }),
  })
}

function wantsOnlyJson(c: Context): boolean {
  const accept = c.req.header('accept') ?? ''
  return accept.includes('application/json') && !accept.includes('text/event-stream')
}

async function wholeAnswer(
  c: Context,
  { sessions }: SessionWorld,
  { sessionId, answering }: { sessionId: string; answering: Answering },
): Promise<Response> {
  const { logId, letterId, after } = answering
  const { signal } = c.req.raw
  if (answering.queued) await sessions.begun(sessionId, letterId, signal)
  await sessions.follow({ sessionId, logId, after, signal, deliver: () => undefined })
  const message = await sessions.unfinished(sessionId, logId)
  const session = await sessions.store.session(sessionId)
  const text = textOf(message)
  return c.json({
    id: sessionId,
    message,
    text,
    state: session?.state ?? 'idle',
    ...(session?.error !== undefined && { error: session.error }),
  })
}

async function watch(c: Context, world: SessionWorld, sessionId: string): Promise<Response> {
  const place = await world.sessions.placeOf(sessionId, undefined)
  if (place === undefined) throw new LoomError('refused', 'There is nothing new in these messages.')
  return streamSession(c, world, { sessionId, place })
}
