/**
 * `POST /api/chat`: accepts a message and sends its answer in the form that the request asks for.
 */
import { randomUUID } from 'node:crypto'

import type { JSONObject } from '@ai-sdk/provider'
import type { Context } from 'hono'

import { LoomError } from '../src/ground/error.ts'
import { fieldOf } from '../src/ground/fields.ts'
import { outputIn, textOf, uiMessage } from '../src/message-fold.ts'
import { acceptPost } from '../src/session/accept-post.ts'
import { LastMessage } from '../src/session/last-message.ts'
import type { PostContent } from '../src/session/post-content.ts'
import { lastUserMessage } from '../src/session/program-post.ts'
import { authorOf } from '../src/session/session-role.ts'
import { publicId, storedId } from '../src/session/tenant-ids.ts'
import { answerGone, type AnswerReceipt, wholeAnswer } from '../src/session/whole-answer.ts'
import { withServerPart } from '../src/store/context.ts'
import { idLengthMax, readSeed } from '../src/wire/conversation.ts'
import type { FileUrls } from '../src/wire/conversation/file-address.ts'
import { seenMessage } from '../src/wire/frames/seen-message.ts'
import { answersOf, type Reading, readingOf } from '../src/wire/reading.ts'
import { type ChatRequest, postedMessages, readRequest } from './chat-request.ts'
import { jsonResponse } from './json-response.ts'
import { noteOf } from './request-note.ts'
import { streamSession } from './session-stream.ts'
import { agentOf, findSession, type SessionWorld } from './session-world.ts'

export async function post(c: Context, world: SessionWorld): Promise<Response> {
  const { loom } = world
  // The name of the agent may follow the messages in the body, so it is not known yet.
  const keepsHistory = loom.agents.some(({ seedFromClient }) => seedFromClient === true)
  const server = await world.serverContext?.()
  const request = await readRequest(c, keepsHistory)
  const reading = readingOf(c, {})
  const { id: named = '' } = request
  const { tenant, principal } = world
  const id = named === '' ? (principal.session ?? randomUUID()) : named
  const session = await findSession(world, id, 'writer')
  const agent = agentOf(c, world, { named: request.agent, session })
  const { fileUrls } = loom
  const messageId =
    isBareRegeneration(request) && request.messageId === undefined
      ? await lastUserMessage({ host: loom, principal: tenant, id, seed: [] })
      : request.messageId
  const { subject } = world.principal
  const options = { agent: agent.name, subject, reading, fileUrls, server }
  const content = postingOf(c, { ...request, messageId }, options)
  // A header value must be ASCII.
  c.header('x-loom-session', encodeURIComponent(id))
  const { sessionId, receipt } = await acceptPost(loom, {
    tenant,
    author: authorOf(principal, session?.id ?? storedId(tenant, id), session),
    id,
    isNamed: named !== '',
    session,
    agent,
    content,
    whenBusy: request.whenBusy,
    continues: request.continues === true,
    isAnswered: request.isAnswered,
    seed: agent.seedFromClient === true ? () => seedOf(request) : undefined,
  })
  return answer(c, world, { sessionId, receipt, reading })
}

interface PostingOptions {
  agent: string
  /** The user of the tenant that posts. */
  subject: string | undefined
  reading: Reading
  fileUrls: FileUrls
  /** The server's part of the context. */
  server: JSONObject | undefined
}

function postingOf(
  c: Context,
  request: ChatRequest,
  { agent, subject, reading, fileUrls, server }: PostingOptions,
): PostContent {
  const { trigger = 'submit-message', messageId, lastMessageId, model } = request
  const context = server === undefined ? request.context : withServerPart(request.context, server)
  const key = c.req.header('idempotency-key')
  if (key !== undefined && key.length > idLengthMax) {
    throw new LoomError('invalid-request', `Idempotency-Key is longer than ${idLengthMax}.`)
  }
  return {
    trigger,
    messageId,
    lastMessageId,
    key: key === '' ? undefined : key,
    last: lastMessage(request),
    fileUrls,
    request: {
      agent,
      ...(subject !== undefined && { subject }),
      ...(model !== undefined && { model }),
      ...answersOf(reading),
      ...(context !== undefined && { context }),
    },
  }
}

/** Whether a post names only the message to answer again, as a program without a history does. */
const isBareRegeneration = ({ trigger, message, messages }: ChatRequest): boolean =>
  trigger === 'regenerate-message' && message === undefined && messages === undefined

/** Skips system messages, because only the server sets an agent's instructions. */
function lastMessage(request: ChatRequest): LastMessage {
  if (isBareRegeneration(request)) return new LastMessage({ role: 'user' }, 'message')
  const messages = postedMessages(request)
  if (messages.length === 0) {
    throw new LoomError('invalid-request', 'messages must be a list of at least one message.')
  }
  const index = messages.findLastIndex((message) => fieldOf(message, 'role') !== 'system')
  if (index === -1) throw new LoomError('invalid-request', 'messages holds no user message.')
  const name = request.message === undefined ? `messages[${index}]` : 'message'
  return new LastMessage(messages[index], name)
}

/** Returns the messages before the new one. */
async function seedOf({ messages = [] }: ChatRequest) {
  const before = messages.slice(0, -1)
  if (before.length > 0 && before.every((message) => message === undefined)) {
    throw new LoomError(
      'payload-too-large',
      'The messages that the session would begin with are too many or too large.',
    )
  }
  return readSeed(before.filter((message) => message !== undefined))
}

interface AnsweredIn {
  sessionId: string
  receipt: AnswerReceipt
  /** The profile and protocol of the reader. */
  reading: Reading
}

/** Sends SSE, the whole answer as JSON, or only a confirmation, as the request's headers ask. */
export async function answer(
  c: Context,
  world: SessionWorld,
  { sessionId, receipt, reading }: AnsweredIn,
): Promise<Response> {
  const { logId, letterId, after, skip, answers, queued, repeated } = receipt
  const { sessions } = world.loom
  const id = publicId(world.tenant, sessionId)
  const note = noteOf(c)
  if (note !== undefined) Object.assign(note, { sessionId: id, messageId: logId })
  if (/\brespond-async\b/.test(c.req.header('prefer') ?? '')) {
    c.header('Preference-Applied', 'respond-async')
    return c.json({ id, letterId, messageId: logId, queued }, 202)
  }
  if (wantsOnlyJson(c)) {
    const { signal } = c.req.raw
    const { message, session } = await wholeAnswer(sessions, sessionId, receipt, { signal })
    const output = outputIn(message)
    return jsonResponse(c, {
      id,
      message: seenMessage(uiMessage(message), reading.profile),
      text: textOf(message),
      ...(output !== undefined && { output }),
      state: session?.state ?? 'idle',
      ...(session?.error !== undefined && { error: session.error }),
    })
  }
  if (repeated && !queued && !(await sessions.hasLog(sessionId, logId))) throw answerGone()
  return streamSession(c, world, {
    sessionId,
    place: { logId, after, skip },
    reading,
    ...(queued && letterId !== undefined && { queued: { letterId, logId, answers } }),
  })
}

function wantsOnlyJson(c: Context): boolean {
  const accept = c.req.header('accept') ?? ''
  return accept.includes('application/json') && !accept.includes('text/event-stream')
}
