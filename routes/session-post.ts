/** `POST /api/chat` where sessions live: a message is accepted, and its answer read as was asked. */
import { randomUUID } from 'node:crypto'

import type { Context } from 'hono'

import type { Agent } from '../src/agent.ts'
import { idLengthMax, readSeed } from '../src/conversation.ts'
import type { FileUrls } from '../src/conversation/file-address.ts'
import { type AskedModel, checkReadable } from '../src/conversation/readable-files.ts'
import { LoomError } from '../src/error.ts'
import { fieldOf } from '../src/fields.ts'
import { seenMessage } from '../src/frames/seen-message.ts'
import type { Loom } from '../src/loom.ts'
import { textOf, uiMessage } from '../src/message-fold.ts'
import { type Answering, noLongerWaits } from '../src/session/answering.ts'
import { answersIn, letterOf, type Posting, waitsForNone } from '../src/session/posted.ts'
import { queueEditOf } from '../src/session/queue-edit.ts'
import type { SessionRecord } from '../src/store/session.ts'
import { answersOf, readingOf } from '../src/stream-agent.ts'
import { type ChatRequest, postedMessages, readRequest } from './chat-request.ts'
import { conversationGone, isContinuation } from './continuation.ts'
import { jsonResponse } from './json-response.ts'
import { streamSession } from './session-stream.ts'
import { agentOf, findSession, publicId, type SessionWorld, storedId } from './session-world.ts'

export async function post(c: Context, world: SessionWorld): Promise<Response> {
  const { loom } = world
  // Which agent is asked may stand behind the messages.
  const keepsHistory = loom.agents.some(({ seedFromClient }) => seedFromClient === true)
  const request = await readRequest(c, keepsHistory)
  const { sessions } = loom
  const id = request.id === undefined || request.id === '' ? randomUUID() : request.id
  const tenant = world.tenantOf(c)
  const known = await findSession(c, world, id)
  const agent = agentOf(c, world, { named: request.agent, session: known })
  const sessionId = known?.id ?? storedId(tenant, id)
  const asked = await askedModel(agent, loom)
  const posting = postingOf(c, request, { agent: agent.name, fileUrls: loom.fileUrls })
  const isSeeded = agent.seedFromClient === true && request.continues !== true
  const isGone = known === undefined && !isSeeded && isContinuation(request)
  for (let look = 1; ; look++) {
    const session = look === 1 ? known : await findSession(c, world, id)
    const letter = await letterOf(posting, await sessions.held(sessionId, session))
    if (letter?.message !== undefined && asked !== undefined) checkReadable(letter.message, asked)
    if (isGone) throw conversationGone()
    // A header has no other letters than ASCII.
    c.header('x-loom-session', encodeURIComponent(id))
    if (letter === undefined) {
      const answering = await underWay(world, { sessionId, session, last: posting.last })
      return answer(c, world, { sessionId, answering })
    }
    const to = {
      tenant,
      agent: agent.name,
      whenBusy: waitsForNone(letter) ? ('reject' as const) : (request.whenBusy ?? 'queue'),
      ...(session === undefined &&
        agent.seedFromClient === true && { seed: await seedOf(request) }),
    }
    const edit = look < looksMax ? queueEditOf(letter, posting) : undefined
    const answering =
      edit === undefined
        ? await sessions.post(sessionId, letter, to)
        : await sessions.edit(sessionId, letter, { ...to, edit })
    if (answering !== undefined) return answer(c, world, { sessionId, answering })
  }
}

/** A message that is edited may begin its turn at that moment: then it is looked for once more. */
const looksMax = 3

function postingOf(
  c: Context,
  request: ChatRequest,
  { agent, fileUrls }: { agent: string; fileUrls: FileUrls },
): Posting {
  const { trigger = 'submit-message', messageId, context } = request
  const key = c.req.header('idempotency-key')
  if (key !== undefined && key.length > idLengthMax) {
    throw new LoomError('invalid-request', `Idempotency-Key is longer than ${idLengthMax}.`)
  }
  return {
    trigger,
    messageId,
    key: key === '' ? undefined : key,
    ...lastMessage(request),
    fileUrls,
    request: {
      agent,
      ...answersOf(readingOf(c, {})),
      ...(context !== undefined && { context }),
    },
  }
}

/** What a client has no say in is passed over: an agent's instructions are the server's. */
function lastMessage(request: ChatRequest): Pick<Posting, 'last' | 'lastName'> {
  const messages = postedMessages(request)
  if (messages.length === 0) {
    throw new LoomError('invalid-request', 'messages must be a list of at least one message.')
  }
  const index = messages.findLastIndex((message) => fieldOf(message, 'role') !== 'system')
  if (index === -1) throw new LoomError('invalid-request', 'messages holds no user message.')
  const lastName = request.message === undefined ? `messages[${index}]` : 'message'
  return { last: messages[index], lastName }
}

/** What stands before the message that is new. */
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

/** What is answered, and from where; without a letter where it is not known which. */
type Answered = Omit<Answering, 'letterId'> & { letterId: string | undefined }

interface AnsweredIn {
  sessionId: string
  answering: Answered
}

/** SSE, the whole answer as JSON, or only that it was accepted: as the request's headers ask. */
export async function answer(
  c: Context,
  world: SessionWorld,
  { sessionId, answering }: AnsweredIn,
): Promise<Response> {
  const { logId, letterId, after, skip, answers, queued, repeated } = answering
  if (/\brespond-async\b/.test(c.req.header('prefer') ?? '')) {
    c.header('Preference-Applied', 'respond-async')
    const id = publicId(world.tenantOf(c), sessionId)
    return c.json({ id, letterId, messageId: logId, queued }, 202)
  }
  if (wantsOnlyJson(c)) return wholeAnswer(c, world, { sessionId, answering })
  if (repeated && !queued && !(await world.loom.sessions.holds(sessionId, logId))) throw gone()
  return streamSession(c, world, {
    sessionId,
    place: { logId, after, skip },
    ...(queued && letterId !== undefined && { queued: { letterId, logId, answers } }),
  })
}

function wantsOnlyJson(c: Context): boolean {
  const accept = c.req.header('accept') ?? ''
  return accept.includes('application/json') && !accept.includes('text/event-stream')
}

async function wholeAnswer(
  c: Context,
  { loom: { sessions }, tenantOf }: SessionWorld,
  { sessionId, answering }: AnsweredIn,
): Promise<Response> {
  const { letterId, queued } = answering
  const { signal } = c.req.raw
  const { logId, after } =
    queued && letterId !== undefined
      ? await sessions.begun(sessionId, { ...answering, letterId }, signal)
      : answering
  await sessions.follow({ sessionId, logId, after, signal, deliver: () => undefined })
  const { profile } = readingOf(c, {})
  const answered = await sessions.answered(sessionId, logId)
  if (answered === undefined) throw gone()
  const session = await sessions.store.session(sessionId)
  return jsonResponse(c, {
    id: publicId(tenantOf(c), sessionId),
    message: seenMessage(uiMessage(answered), profile),
    text: textOf(answered),
    state: session?.state ?? 'idle',
    ...(session?.error !== undefined && { error: session.error }),
  })
}

const gone = () =>
  new LoomError('gone', 'The stream of this answer is no longer held: load the messages instead.')

/**
 * Nothing new was posted. A client that names an assistant message gets that message's stream: what
 * follows its answers where the log took them, or what is being written of it. It never gets another
 * message's, whose words it would show inside this one; and it is refused where nothing follows,
 * because clients that send by themselves would post the same for ever.
 */
async function underWay(
  { loom: { sessions } }: SessionWorld,
  { sessionId, session, last }: PostedAgain,
): Promise<Answered> {
  const turn = session === undefined || session.state === 'idle' ? undefined : session.turn
  const again = { answers: [], queued: false, repeated: true }
  if (fieldOf(last, 'role') !== 'assistant') {
    const place = await sessions.placeOf(sessionId, undefined)
    if (place === undefined) throw nothingNew()
    return { ...again, ...place, letterId: turn?.letterId }
  }
  const id = fieldOf(last, 'id')
  if (typeof id !== 'string') throw nothingNew()
  const answers = answersIn(fieldOf(last, 'parts'))
  const isOpen = turn?.logId === id
  const part = await sessions.lastPart(sessionId, id, answers)
  if (part !== undefined && (isOpen || part.as === 'settled')) {
    return { ...again, ...part.place, letterId: isOpen ? turn.letterId : undefined }
  }
  if (!isOpen) throw answers.length > 0 ? notAwaited() : nothingNew()
  return { ...again, logId: id, after: undefined, skip: 0, letterId: turn.letterId }
}

const nothingNew = () =>
  new LoomError(
    'refused',
    'There is nothing new in these messages: the last must be a user message, or hold an answer that this session waits for.',
  )

const notAwaited = () =>
  new LoomError('refused', `There is nothing new in these messages. ${noLongerWaits}`)

interface PostedAgain {
  sessionId: string
  session: SessionRecord | undefined
  last: unknown
}

/**
 * The model that will answer, looked up before the message is accepted, while a status can still say
 * what is wrong. Undefined where it is known only in the run: for a callback, or a chain of fallbacks.
 * @throws LoomError `unknown-model` or `missing-key`
 */
async function askedModel(
  { model }: Agent,
  { models, defaultModel }: Loom,
): Promise<AskedModel | undefined> {
  if (typeof model === 'function') return undefined
  const [first, ...fallbacks] = Array.isArray(model) ? model : [model ?? defaultModel]
  if (first === undefined || fallbacks.length > 0) return undefined
  return { model: await models.resolve(first), facts: await models.facts(first) }
}
