/** Accepts a posted conversation: it becomes a letter, or refers to the answer that a turn makes already. */
import type { JSONObject } from '@ai-sdk/provider'
import type { UIMessage } from 'ai'

import type { Agent } from '../agent.ts'
import { LoomError } from '../ground/error.ts'
import type { Sessions } from '../sessions.ts'
import { contextAfter, mergedContext } from '../store/context.ts'
import type { WhenBusy } from '../store/letter.ts'
import type { Author } from '../store/member.ts'
import type { SessionRecord } from '../store/session.ts'
import { type AskedModel, checkReadable } from '../wire/conversation/readable-files.ts'
import { checkChosenModel } from './chosen-model.ts'
import { checkWhenBusy } from './given-value.ts'
import { letterOf } from './letter-of-post.ts'
import { checkNewest } from './newest-message.ts'
import type { PostContent } from './post-content.ts'
import { queueEditOf } from './queue-edit.ts'
import { noPendingCall } from './receipt.ts'
import { needsIdleSession } from './regeneration-letter.ts'
import type { SessionHost } from './session-host.ts'
import { storedId } from './tenant-ids.ts'
import type { AnswerReceipt } from './whole-answer.ts'

/** A post, read from its request. */
export interface ClientPost {
  tenant: string
  /** @defaultValue the tenant itself */
  author?: Author
  /** The id by which the tenant names the session. */
  id: string
  /** The session when the route read it. Undefined if there is none yet. */
  session: SessionRecord | undefined
  agent: Agent
  content: PostContent
  /** @defaultValue 'queue' */
  whenBusy?: WhenBusy | undefined
  /** Whether the client named the session. */
  isNamed: boolean
  /** Whether the client has seen an answer in this conversation, and posts only its last message. */
  continues: boolean
  /** Whether the posted messages contain an answer to the first user message. */
  isAnswered: boolean
  /** Reads the first messages of the session, for an agent with `seedFromClient`. */
  seed: (() => Promise<UIMessage[]>) | undefined
}

export interface AcceptedPost {
  /** The id of the session in the store. */
  sessionId: string
  receipt: AnswerReceipt
}

/** If a message begins its turn while it is edited, the post reads the session again, this often at most. */
const readsMax = 3

/**
 * @throws LoomError `invalid-request` for a model that the agent does not offer; `gone` for a conversation that the store no longer has; `refused` if nothing in the
 * post is new; also as `Sessions.post`
 */
export async function acceptPost(host: SessionHost, post: ClientPost): Promise<AcceptedPost> {
  const { sessions } = host
  checkWhenBusy(post.whenBusy)
  const { tenant, id, session: firstRead, agent, content, seed } = post
  const sessionId = firstRead?.id ?? storedId(tenant, id)
  const { model: chosen } = content.request
  if (chosen !== undefined) {
    await checkChosenModel(agent, chosen, () => contextOf(sessions, firstRead, content))
  }
  const model = await answerModel(
    { ...agent, ...(chosen !== undefined && { model: chosen }) },
    host,
  )
  const isSeeded = seed !== undefined && !post.continues
  const isGone = firstRead === undefined && !isSeeded && isContinuation(post)
  for (let read = 1; ; read++) {
    const session = read === 1 ? firstRead : await sessions.find(tenant, id)
    const view = await sessions.viewOf(sessionId, session)
    const letter = await letterOf(content, view)
    if (letter?.message !== undefined && model !== undefined) checkReadable(letter.message, model)
    if (isGone) throw conversationGone()
    if (letter?.cutAt !== undefined) await checkNewest(content.lastMessageId, letter, view)
    if (letter === undefined) {
      return { sessionId, receipt: await currentAnswer(sessions, { sessionId, session, content }) }
    }
    const to = {
      ...post.author,
      tenant,
      agent: agent.name,
      whenBusy: needsIdleSession(letter) ? ('reject' as const) : (post.whenBusy ?? 'queue'),
      ...(session === undefined && seed !== undefined && { seed: await seed() }),
    }
    const edit = read < readsMax ? queueEditOf(letter, content) : undefined
    const receipt =
      edit === undefined
        ? await sessions.post(sessionId, letter, to)
        : await sessions.edit(sessionId, letter, { ...to, edit })
    if (receipt !== undefined) return { sessionId, receipt }
  }
}

/**
 * Whether a post can only belong to a conversation with an earlier answer. A server that does not have
 * this conversation (deleted, expired, or lost with the memory of a process) refuses the post, because its
 * model would lack the messages that the page shows. An assistant message before the first user message
 * does not count: pages begin with a greeting of their own.
 */
function isContinuation({ isNamed, continues, isAnswered, content }: ClientPost): boolean {
  // A post without the id of a conversation begins a new one.
  if (!isNamed) return false
  const { trigger, messageId, last } = content
  if (continues || trigger === 'regenerate-message' || messageId !== undefined) return true
  return isAnswered || last.role === 'assistant'
}

/**
 * Returns the answer that a post without new content refers to. A client that names an assistant message
 * gets the stream of that message: the part after its answers if the log has them, otherwise the part
 * that the turn writes now. It never gets the stream of another message, because it would show that text
 * inside this message. If no part follows, the post is refused: clients that send automatically would
 * repeat it without end.
 */
async function currentAnswer(
  sessions: Sessions,
  {
    sessionId,
    session,
    content: { last },
  }: { sessionId: string; session: SessionRecord | undefined; content: PostContent },
): Promise<AnswerReceipt> {
  const turn = session === undefined || session.state === 'idle' ? undefined : session.turn
  const again = { answers: [], queued: false, repeated: true }
  if (last.role !== 'assistant') {
    const place = await sessions.readers.placeOf(sessionId, undefined)
    if (place === undefined) throw nothingNew()
    return { ...again, ...place, letterId: turn?.letterId }
  }
  const { id, answers } = last
  if (typeof id !== 'string') throw nothingNew()
  const isOpen = turn?.logId === id
  const part = await sessions.readers.lastPart(sessionId, id, answers)
  if (part !== undefined && (isOpen || part.as === 'settled')) {
    return { ...again, ...part.place, letterId: isOpen ? turn.letterId : undefined }
  }
  if (!isOpen) throw answers.length > 0 ? notAwaited() : nothingNew()
  return { ...again, logId: id, after: undefined, skip: 0, letterId: turn.letterId }
}

/** The context that the turn of the post will have. */
async function contextOf(
  sessions: Sessions,
  session: SessionRecord | undefined,
  { request }: PostContent,
): Promise<JSONObject> {
  const { context } =
    session === undefined ? {} : (await sessions.promptState(session)).sessionContext
  return mergedContext(contextAfter(request.context, context) ?? {})
}

/**
 * Finds the model of the answer before the message is accepted, while the response can still have an
 * error status. Undefined for a callback or a chain of fallbacks: only the run selects their model.
 * @throws LoomError `unknown-model` or `missing-key`
 */
async function answerModel(
  { model }: Agent,
  { models, defaultModel }: SessionHost,
): Promise<AskedModel | undefined> {
  if (typeof model === 'function') return undefined
  const [first, ...fallbacks] = Array.isArray(model) ? model : [model ?? defaultModel]
  if (first === undefined || fallbacks.length > 0) return undefined
  return { model: await models.resolve(first), facts: await models.facts(first) }
}

const nothingNew = () =>
  new LoomError(
    'refused',
    'There is nothing new in these messages: the last must be a user message, or hold an answer that this session waits for.',
  )

const notAwaited = () =>
  new LoomError('refused', `There is nothing new in these messages. ${noPendingCall}`)

/** The refusal of a post, and of a cursor of a stream. */
export const conversationGone = () =>
  new LoomError(
    'gone',
    'The server does not have this conversation any more: it was deleted, it expired, or the server kept it only in memory and restarted. Begin a new conversation.',
  )
