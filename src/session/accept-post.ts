/** A posted conversation becomes a letter, or the answer that is under way already. */
import type { UIMessage } from 'ai'

import type { Agent } from '../agent.ts'
import { LoomError } from '../ground/error.ts'
import type { Loom } from '../loom.ts'
import type { Sessions } from '../sessions.ts'
import type { WhenBusy } from '../store/letter.ts'
import type { SessionRecord } from '../store/session.ts'
import { type AskedModel, checkReadable } from '../wire/conversation/readable-files.ts'
import { noLongerWaits } from './answering.ts'
import { letterOf, type Posting, waitsForNone } from './posted.ts'
import { queueEditOf } from './queue-edit.ts'
import { storedId } from './tenant-ids.ts'
import type { Answered } from './whole-answer.ts'

/** A post, read from its request. */
export interface ClientPost {
  tenant: string
  /** The id of the session that its tenant knows. */
  id: string
  /** The session as it was found; undefined where there is none yet. */
  known: SessionRecord | undefined
  agent: Agent
  posting: Posting
  /** @defaultValue 'queue' */
  whenBusy?: WhenBusy | undefined
  /** Whether the client named the session. */
  isNamed: boolean
  /** Whether the client has seen an answer in this conversation, and posts its last message alone. */
  continues: boolean
  /** Whether the posted messages hold an answer to the first user message. */
  isAnswered: boolean
  /** The messages that a session of an agent with `seedFromClient` begins with. */
  seed: (() => Promise<UIMessage[]>) | undefined
}

export interface AcceptedPost {
  /** The id of the session in the store. */
  sessionId: string
  answering: Answered
}

/** A message that is edited may begin its turn at that moment: then the post looks for it again. */
const looksMax = 3

/**
 * @throws LoomError `gone` for a conversation that the store does not have any more; `refused` where
 * nothing in the post is new; as `Sessions.post`
 */
export async function acceptPost(loom: Loom, post: ClientPost): Promise<AcceptedPost> {
  const { sessions } = loom
  const { tenant, id, known, agent, posting, seed } = post
  const sessionId = known?.id ?? storedId(tenant, id)
  const asked = await askedModel(agent, loom)
  const isSeeded = seed !== undefined && !post.continues
  const isGone = known === undefined && !isSeeded && isContinuation(post)
  for (let look = 1; ; look++) {
    const session = look === 1 ? known : await sessions.find(tenant, id)
    const letter = await letterOf(posting, await sessions.held(sessionId, session))
    if (letter?.message !== undefined && asked !== undefined) checkReadable(letter.message, asked)
    if (isGone) throw conversationGone()
    if (letter === undefined) {
      return { sessionId, answering: await underWay(sessions, { sessionId, session, posting }) }
    }
    const to = {
      tenant,
      agent: agent.name,
      whenBusy: waitsForNone(letter) ? ('reject' as const) : (post.whenBusy ?? 'queue'),
      ...(session === undefined && seed !== undefined && { seed: await seed() }),
    }
    const edit = look < looksMax ? queueEditOf(letter, posting) : undefined
    const answering =
      edit === undefined
        ? await sessions.post(sessionId, letter, to)
        : await sessions.edit(sessionId, letter, { ...to, edit })
    if (answering !== undefined) return { sessionId, answering }
  }
}

/**
 * Whether a post can only mean a conversation that has been answered before. A server that does not have
 * it (it was deleted, it expired, or the server restarted without Redis) refuses the post: a model that
 * answered it would know nothing of what the page shows. An assistant message in front of the first user
 * message does not count: pages begin with a greeting of their own.
 */
function isContinuation({ isNamed, continues, isAnswered, posting }: ClientPost): boolean {
  // A post that names no conversation begins one.
  if (!isNamed) return false
  const { trigger, messageId, last } = posting
  if (continues || trigger === 'regenerate-message' || messageId !== undefined) return true
  return isAnswered || last.role === 'assistant'
}

/**
 * Nothing new was posted. A client that names an assistant message gets that message's stream: what
 * follows its answers where the log took them, or what is being written of it. It never gets another
 * message's, whose words it would show inside this one; and it is refused where nothing follows,
 * because clients that send by themselves would post the same for ever.
 */
async function underWay(
  sessions: Sessions,
  {
    sessionId,
    session,
    posting: { last },
  }: { sessionId: string; session: SessionRecord | undefined; posting: Posting },
): Promise<Answered> {
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

const nothingNew = () =>
  new LoomError(
    'refused',
    'There is nothing new in these messages: the last must be a user message, or hold an answer that this session waits for.',
  )

const notAwaited = () =>
  new LoomError('refused', `There is nothing new in these messages. ${noLongerWaits}`)

/** For a post and for a stream's cursor alike. */
export const conversationGone = () =>
  new LoomError(
    'gone',
    'The server does not have this conversation any more: it was deleted, it expired, or the server restarted without Redis. Begin a new conversation.',
  )
