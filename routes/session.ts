/**
 * The routes of sessions. Whoever asks, on whatever instance, sees the same session; to a caller that
 * it does not belong to, there is none.
 */
import { randomUUID } from 'node:crypto'

import type { Context, Hono } from 'hono'
import { z } from 'zod'

import { idLengthMax } from '../src/conversation.ts'
import { LoomError } from '../src/error.ts'
import type { Answer } from '../src/session/letter-request.ts'
import { digest, isAwaited, letterOf, type Posting } from '../src/session/posted.ts'
import type { Answering } from '../src/sessions.ts'
import type { SessionRecord } from '../src/store/session.ts'
import { readingOf } from '../src/stream-agent.ts'
import { readJson } from './body.ts'
import { onlyMethods } from './methods.ts'
import { streamSession } from './session-stream.ts'
import type { SessionWorld } from './session-world.ts'
import { tenantOf } from './tenant.ts'

const id = z.string().min(1).max(idLengthMax)

/** What is not named here (`transport.body` of the client) is left unread. */
const chatRequest = z.object({
  id: id.optional(),
  messages: z.array(z.unknown()).optional(),
  message: z.union([z.string(), z.record(z.string(), z.unknown())]).optional(),
  trigger: z.enum(['submit-message', 'regenerate-message']).optional(),
  messageId: id.optional(),
  agent: id.optional(),
  context: z.record(z.string(), z.json()).optional(),
  whenBusy: z.enum(['queue', 'reject', 'interrupt', 'rollback', 'steer']).optional(),
})

type ChatRequest = z.infer<typeof chatRequest>

const toolAnswer = z.union([
  z.object({ errorText: z.string() }).transform(({ errorText }) => ({ errorText })),
  z.object({ output: z.json() }),
])

const decision = z.object({ approved: z.boolean(), reason: z.string().max(10_000).optional() })

export function sessionRoutes(app: Hono, world: SessionWorld): void {
  for (const base of ['/api/chat', '/api/agents/:agent/chat']) {
    app.post(base, (c) => post(c, world))
    app.get(base, (c) => list(c, world))
    app.get(`${base}/:id`, async (c) => c.json(await ownSession(c, world)))
    app.delete(`${base}/:id`, (c) => remove(c, world))
    app.get(`${base}/:id/stream`, (c) => resume(c, world))
    app.post(`${base}/:id/stop`, (c) => stop(c, world))
    app.get(`${base}/:id/messages`, (c) => messages(c, world))
    app.get(`${base}/:id/queue`, (c) => queue(c, world))
    app.delete(`${base}/:id/queue/:messageId`, (c) => withdraw(c, world))
    app.post(`${base}/:id/fork`, (c) => fork(c, world))
    app.post(`${base}/:id/tools/:toolCallId`, (c) => answerTool(c, world))
    app.post(`${base}/:id/approvals/:approvalId`, (c) => decide(c, world))
    onlyMethods(app, base, 'GET, POST')
    onlyMethods(app, `${base}/:id`, 'GET, DELETE')
    for (const path of ['stream', 'messages', 'queue'])
      onlyMethods(app, `${base}/:id/${path}`, 'GET')
    for (const path of ['stop', 'fork']) onlyMethods(app, `${base}/:id/${path}`, 'POST')
  }
}

// A message

async function post(c: Context, world: SessionWorld): Promise<Response> {
  const request = readRequest(await readJson(c))
  const agent = world.agentOf(c.req.param('agent') ?? request.agent ?? world.config.agent)
  const sessionId = request.id ?? randomUUID()
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

function readRequest(body: unknown): ChatRequest {
  const result = chatRequest.safeParse(body)
  if (result.success) return result.data
  const issue = result.error.issues[0]
  const where = issue === undefined || issue.path.length === 0 ? 'The body' : issue.path.join('.')
  throw new LoomError('invalid-request', `${where}: ${issue?.message ?? 'not valid'}.`)
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

function lastMessage({ message, messages }: ChatRequest): unknown {
  if (typeof message === 'string') return { role: 'user', content: message }
  if (message !== undefined) return message
  const said = messages?.filter(
    (one) => !(typeof one === 'object' && one !== null && 'role' in one && one.role === 'system'),
  )
  if (messages === undefined) {
    throw new LoomError('invalid-request', 'The body needs messages, a list, or message.')
  }
  if (said === undefined || said.length === 0) {
    throw new LoomError('invalid-request', 'messages holds no user message.')
  }
  return said.at(-1)
}

/** SSE, the whole answer as JSON, or only that it was accepted: as the request's headers ask. */
async function answer(
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
  const text = message.parts
    .map(({ type, text }) => (type === 'text' && typeof text === 'string' ? text : ''))
    .join('')
  return c.json({
    id: sessionId,
    message,
    text,
    state: session?.state ?? 'idle',
    ...(session?.error !== undefined && { error: session.error }),
  })
}

// Reading

async function watch(c: Context, world: SessionWorld, sessionId: string): Promise<Response> {
  const place = await world.sessions.placeOf(sessionId, undefined)
  if (place === undefined) throw new LoomError('refused', 'There is nothing new in these messages.')
  return streamSession(c, world, { sessionId, place })
}

async function resume(c: Context, world: SessionWorld): Promise<Response> {
  const { id: sessionId } = await ownSession(c, world, 'stream')
  const cursor = c.req.query('after') ?? c.req.header('last-event-id')
  const place = await world.sessions.placeOf(sessionId, cursor === '' ? undefined : cursor)
  return place === undefined ? c.body(null, 204) : streamSession(c, world, { sessionId, place })
}

async function messages(c: Context, world: SessionWorld): Promise<Response> {
  const { id } = await ownSession(c, world)
  return c.json(await world.sessions.messages(id))
}

async function list(c: Context, { sessions }: SessionWorld): Promise<Response> {
  const limit = Math.min(Number(c.req.query('limit')) || 50, 200)
  const before = Number(c.req.query('before')) || undefined
  return c.json(await sessions.store.list(tenantOf(c), { limit, ...(before && { before }) }))
}

// Acting

async function stop(c: Context, world: SessionWorld): Promise<Response> {
  const { id } = await ownSession(c, world)
  return c.json({ stopped: await world.sessions.stop(id, tenantOf(c)) })
}

async function queue(c: Context, world: SessionWorld): Promise<Response> {
  const { id } = await ownSession(c, world)
  const letters = await world.sessions.store.mailbox(id)
  return c.json({
    queue: letters.map(({ id, kind, message }) => ({ id, kind, ...(message && { message }) })),
  })
}

async function withdraw(c: Context, world: SessionWorld): Promise<Response> {
  const { id } = await ownSession(c, world)
  const letterId = c.req.param('messageId') ?? ''
  const options = { nonce: randomUUID(), tenant: tenantOf(c) }
  if (await world.sessions.store.withdraw(id, letterId, options)) return c.json({ withdrawn: true })
  throw new LoomError('not-found', 'No such message waits.')
}

async function fork(c: Context, world: SessionWorld): Promise<Response> {
  const { id } = await ownSession(c, world)
  const body = z
    .object({
      id: z.string().min(1).max(idLengthMax),
      messageId: z.string(),
      branch: z.number().int(),
    })
    .partial()
    .safeParse(await readJson(c))
  if (!body.success)
    throw new LoomError('invalid-request', 'The body may have id, messageId and branch.')
  const { id: newId = randomUUID(), messageId, branch } = body.data
  const forked = await world.sessions.store.fork(id, {
    newId,
    tenant: tenantOf(c),
    nonce: randomUUID(),
    ...(messageId !== undefined && { through: messageId }),
    ...(branch !== undefined && { branch }),
  })
  if (!forked) throw new LoomError('not-found', 'There is no such message, or the new id is taken.')
  return c.json({ id: newId }, 201)
}

async function remove(c: Context, { sessions }: SessionWorld): Promise<Response> {
  const sessionId = c.req.param('id') ?? ''
  const removed = await sessions.store.remove(sessionId, {
    tenant: tenantOf(c),
    nonce: randomUUID(),
  })
  if (!removed) throw noSession()
  sessions.instance.endTurn(sessionId, undefined, 'lost')
  return c.body(null, 204)
}

// Answers from anywhere

async function answerTool(c: Context, world: SessionWorld): Promise<Response> {
  const body = toolAnswer.safeParse(await readJson(c))
  if (!body.success) throw new LoomError('invalid-request', 'The body needs output, or errorText.')
  const toolCallId = c.req.param('toolCallId') ?? ''
  const { data } = body
  return postAnswer(
    c,
    world,
    'errorText' in data
      ? { type: 'output-error', toolCallId, errorText: data.errorText }
      : { type: 'output', toolCallId, output: data.output },
  )
}

async function decide(c: Context, world: SessionWorld): Promise<Response> {
  const body = decision.safeParse(await readJson(c))
  if (!body.success)
    throw new LoomError('invalid-request', 'The body needs approved, true or false.')
  const { approved, reason } = body.data
  const approvalId = c.req.param('approvalId') ?? ''
  return postAnswer(c, world, {
    type: 'approval',
    approvalId,
    approved,
    ...(reason !== undefined && { reason }),
  })
}

async function postAnswer(c: Context, world: SessionWorld, given: Answer): Promise<Response> {
  const session = await ownSession(c, world)
  const { waiting } = await world.sessions.held(session.id)
  if (waiting === undefined || !isAwaited(waiting, given)) {
    throw new LoomError('refused', 'Nothing in this session waits for that.')
  }
  const letter = {
    id: `answer:${digest([given])}`,
    kind: 'answer' as const,
    replyId: waiting.id,
    answer: [given],
    request: { agent: session.agent },
  }
  const { tenant, agent, id: sessionId } = session
  const answering = await world.sessions.post(sessionId, letter, {
    tenant,
    agent,
    whenBusy: 'queue',
  })
  return answer(c, world, { sessionId, answering })
}

/** @throws LoomError `not-found`, also for another's session: its existence is nobody's business. */
async function ownSession(
  c: Context,
  { sessions }: SessionWorld,
  purpose?: 'stream',
): Promise<SessionRecord> {
  const sessionId = c.req.param('id') ?? ''
  const session = await sessions.store.session(sessionId)
  if (session !== undefined && session.tenant === tenantOf(c)) return session
  // `useChat({ resume: true })` asks before there is a session, and takes anything but 204 for a fault.
  if (session === undefined && purpose === 'stream') {
    return {
      id: sessionId,
      tenant: '',
      agent: '',
      state: 'idle',
      createdAt: 0,
      updatedAt: 0,
      queued: 0,
    }
  }
  throw noSession()
}

const noSession = () => new LoomError('not-found', 'There is no such session.')
