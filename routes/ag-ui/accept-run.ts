/**
 * Accepts a run: its answers to the calls that the session waits for, its new message, or neither. Messages have ids in
 * AG-UI, so the same message is one turn, whatever run repeats it. The session has the history: the other messages of
 * the client only show where it is.
 */
import type { UIMessage } from 'ai'

import type { Agent } from '../../src/agent.ts'
import { LoomError } from '../../src/ground/error.ts'
import type { FoldedMessage } from '../../src/message-fold.ts'
import { acceptAnswers } from '../../src/session/accept-answer.ts'
import { acceptPost, conversationGone } from '../../src/session/accept-post.ts'
import { digest } from '../../src/session/content-digest.ts'
import { LastMessage } from '../../src/session/last-message.ts'
import type { PostContent } from '../../src/session/post-content.ts'
import { noSession } from '../../src/session/receipt.ts'
import { authorOf } from '../../src/session/session-role.ts'
import { storedId } from '../../src/session/tenant-ids.ts'
import type { AnswerReceipt } from '../../src/session/whole-answer.ts'
import type { Answer, LetterRequest } from '../../src/store/letter.ts'
import type { SessionRecord } from '../../src/store/session.ts'
import { OmittedValue } from '../../src/wire/conversation/omitted-value.ts'
import type { SessionWorld } from '../session-world.ts'
import { userParts } from './content.ts'
import { agUiIdOf, metadataOf, runIdOf } from './message-marks.ts'
import { answersIn, checkCovered } from './run-answers.ts'
import type { RunInput } from './run-input.ts'
import type { PostedUserMessage } from './run-messages.ts'

export interface RunPost {
  input: RunInput
  agent: Agent
  session: SessionRecord | undefined
  request: LetterRequest
}

export interface AcceptedRun {
  /** The id of the session in the store. */
  sessionId: string
  /** Undefined if the run only reads the thread. */
  receipt: AnswerReceipt | undefined
  /** Whether the client needs the messages of the thread first, because it may have others. */
  restates: boolean
  /** The answers that the session accepted. */
  answers: readonly Answer[]
}

/**
 * @throws LoomError `refused` for a new message while an interrupt has no entry in `resume`; `not-found` for a new thread without a message of the user; `gone` if the messages have an answer and the
 * server does not have the thread; also as `acceptPost`
 */
export async function acceptRun(world: SessionWorld, post: RunPost): Promise<AcceptedRun> {
  const { input, session } = post
  if (session === undefined) return begin(world, post)
  const { pendingMessage } = await world.loom.sessions.viewOf(session.id, session)
  const place = await placeOf(world, input, session)
  if (place?.kind === 'added') checkCovered(pendingMessage, input)
  const { answers, receipt } = await acceptResults(world, { ...post, session }, pendingMessage)
  if (place !== undefined) return { ...(await acceptMessage(world, post, place)), answers }
  const restates = receipt === undefined || receipt.repeated
  return { sessionId: session.id, receipt, restates, answers }
}

/** A new thread begins with the message of the user, or with all texts if the agent allows it. */
async function begin(world: SessionWorld, post: RunPost): Promise<AcceptedRun> {
  const { input, agent } = post
  const last = input.added.at(-1)
  if (last === undefined && input.users.length === 0) throw noSession()
  if (last === undefined) throw conversationGone()
  const isSeeded = agent.seedFromClient === true
  const messages = isSeeded ? [last] : input.added
  return acceptMessage(world, post, { kind: 'added', messages, target: undefined })
}

async function acceptResults(
  { loom, principal }: SessionWorld,
  { input, session, request }: RunPost & { session: SessionRecord },
  pendingMessage: FoldedMessage | undefined,
): Promise<Pick<AcceptedRun, 'answers' | 'receipt'>> {
  const none = { answers: [], receipt: undefined }
  if (pendingMessage === undefined) return none
  // A new message ends the wait itself.
  const isAbandoned = input.added.length > 0 && input.resume.every(isCancelled)
  if (isAbandoned && input.results.length === 0) return none
  const answers = answersIn(pendingMessage, input)
  if (answers.length === 0) return none
  const { asked } = request
  const settings = { ...(asked !== undefined && { asked }) }
  const author = authorOf(principal, session.id, session)
  const receipt = await acceptAnswers(loom.sessions, session, answers, { author, settings })
  return { answers, receipt }
}

const isCancelled = ({ status }: { status: string }): boolean => status === 'cancelled'

type MessagePlace =
  | {
      kind: 'added'
      messages: readonly PostedUserMessage[]
      /** The id of the stored message that the new one replaces. Undefined if it follows all others. */
      target: string | undefined
    }
  | {
      kind: 'again'
      /** The id of the stored message to answer again. */
      target: string
    }

/** The last messages of a session that are compared with those of the client. */
const comparedMax = 200

/** Returns the place of the new message. Undefined if the run has none. */
async function placeOf(
  world: SessionWorld,
  input: RunInput,
  session: SessionRecord,
): Promise<MessagePlace | undefined> {
  const last = input.users.at(-1)
  if (last === undefined) return undefined
  const stored = await storedUsers(world, input, session)
  const at = stored.findLastIndex((message) => agUiIdOf(message) === last.id)
  const known = stored[at]
  if (known !== undefined) {
    const isNext = at === stored.length - 1
    // A client asks for another answer by a run that ends with the message, or after a failure.
    const asksAgain = input.added.at(-1)?.id === last.id || (isNext && session.error !== undefined)
    const isRepeat = runIdOf(known) === input.runId
    return session.state === 'idle' && asksAgain && !isRepeat
      ? { kind: 'again', target: known.id }
      : undefined
  }
  const messages = await unknownOf(world, input, { session, stored })
  if (messages.length === 0) return undefined
  const ids = new Set(input.users.slice(0, -messages.length).map(({ id }) => id))
  const before = stored.findLastIndex((message) => ids.has(agUiIdOf(message)))
  return { kind: 'added', messages, target: before === -1 ? undefined : stored[before + 1]?.id }
}

/** Returns the last user messages of the session: few of them if the client has the newest one. */
async function storedUsers(
  { loom }: SessionWorld,
  { users }: RunInput,
  { id }: SessionRecord,
): Promise<UIMessage[]> {
  const ids = new Set(users.map((message) => message.id))
  for (const limit of [4, comparedMax]) {
    const page = await loom.sessions.messagePage(id, { limit, before: undefined })
    const found = page?.messages.filter(({ role }) => role === 'user') ?? []
    const newest = found.at(-1)
    const isKnown = newest !== undefined && ids.has(agUiIdOf(newest))
    if (isKnown || page?.hasEarlier !== true || limit === comparedMax) return found
  }
  return []
}

/** Returns the added messages that neither the history nor the queue has. */
async function unknownOf(
  { loom }: SessionWorld,
  { added }: RunInput,
  { session, stored }: { session: SessionRecord; stored: readonly UIMessage[] },
): Promise<readonly PostedUserMessage[]> {
  if (added.length < 2) return added
  const queued = await loom.sessions.queuedMessages(session.id)
  const ids = new Set([...stored, ...queued].map(agUiIdOf))
  const last = added.at(-1)
  return added.filter((message) => message === last || !ids.has(message.id))
}

async function acceptMessage(
  world: SessionWorld,
  { input, agent, session, request }: RunPost,
  place: MessagePlace,
): Promise<AcceptedRun> {
  const { loom, tenant, principal } = world
  const { threadId: id, runId } = input
  const sessionId = session?.id ?? storedId(tenant, id)
  const key = `run:${digest(runId)}`
  const common = { fileUrls: loom.fileUrls, request, messageId: place.target }
  const content: PostContent =
    place.kind === 'again'
      ? {
          ...common,
          trigger: 'regenerate-message',
          key,
          last: new LastMessage({ role: 'user', id: place.target }, 'messages'),
        }
      : {
          ...common,
          trigger: 'submit-message',
          // The id of a new message identifies it. An edit has no id of its own.
          key: place.target === undefined ? undefined : key,
          last: new LastMessage(
            messageOf(place.messages, runId),
            place.messages.at(-1)?.name ?? '',
          ),
        }
  const { receipt } = await acceptPost(loom, {
    tenant,
    author: authorOf(principal, sessionId, session),
    id,
    isNamed: true,
    session,
    agent,
    content,
    continues: false,
    isAnswered: input.isAnswered,
    seed: agent.seedFromClient === true ? () => Promise.resolve(seedOf(input)) : undefined,
  })
  const restates = place.kind === 'again' || receipt.repeated || receipt.queued
  return { sessionId, receipt, restates, answers: [] }
}

/** User messages without an answer between them are one message of a session. */
function messageOf(messages: readonly PostedUserMessage[], runId: string): object {
  const messageId = messages.at(-1)?.id ?? ''
  const parts = messages.flatMap(({ content, name }) => userParts(content, name))
  if (parts.length === 0) {
    const name = messages.at(-1)?.name ?? 'messages'
    throw new LoomError('invalid-request', `${name}.content has no part that Loom can use.`)
  }
  return { id: messageId, role: 'user', parts, metadata: metadataOf({ runId, messageId }) }
}

/** The texts of the client before its new message. */
const seedOf = ({ texts, added }: RunInput): UIMessage[] =>
  texts
    .filter(({ id, text }) => text !== '' && id !== added.at(-1)?.id)
    .map(({ text, ...message }) => {
      if (text instanceof OmittedValue) throw text.refusal
      return { ...message, parts: [{ type: 'text', text }] }
    })
