/** The session of an answer: a new one, or the one that the client names. */
import { randomUUID } from 'node:crypto'

import type { JSONObject } from '@ai-sdk/provider'
import type { UIMessage } from 'ai'
import type { Context } from 'hono'

import type { Agent } from '../../src/agent.ts'
import { LoomError } from '../../src/ground/error.ts'
import { newMessageId } from '../../src/ground/message-id.ts'
import { acceptAnswers } from '../../src/session/accept-answer.ts'
import { acceptPost, conversationGone } from '../../src/session/accept-post.ts'
import { LastMessage } from '../../src/session/last-message.ts'
import { authorOf } from '../../src/session/session-role.ts'
import { storedId } from '../../src/session/tenant-ids.ts'
import type { AnswerReceipt } from '../../src/session/whole-answer.ts'
import type { LetterRequest } from '../../src/store/letter.ts'
import type { SessionRecord } from '../../src/store/session.ts'
import { isSessionId } from '../../src/wire/conversation.ts'
import { checkFiles } from '../../src/wire/conversation/posted-files.ts'
import { findSession, type SessionWorld } from '../session-world.ts'
import { continuationOf } from './continuation.ts'
import type { PostedConversation } from './conversation-builder.ts'

export interface AcceptedAnswer {
  /** The id of the session in the store. */
  sessionId: string
  receipt: AnswerReceipt
  /** Whether the session is only for this answer. */
  isTemporary: boolean
}

export interface AnswerPost {
  conversation: PostedConversation
  agent: Agent
  request: LetterRequest
  /** The metadata of the new message of the user. Absent if it has none. */
  metadata?: JSONObject
}

/**
 * Returns the id of the session that a request names, by its header or its metadata.
 * @throws LoomError `invalid-request` for a name that is no session id
 */
export function sessionNamed(
  c: Context,
  { metadata }: { metadata?: Readonly<Record<string, unknown>> | null | undefined },
): string | undefined {
  const header = c.req.header('x-loom-session')
  const named = header === undefined ? metadata?.['session_id'] : decoded(header)
  if (named === undefined || named === null || named === '') return undefined
  if (typeof named === 'string' && isSessionId(named)) return named
  throw new LoomError('invalid-request', 'metadata.session_id must be the id of a session.')
}

function decoded(header: string): string {
  try {
    return decodeURIComponent(header)
  } catch {
    return header
  }
}

/**
 * Begins a session with the messages of the request.
 * @param isTemporary whether the session is only for this answer
 */
export async function acceptInNew(
  world: SessionWorld,
  { conversation, agent, request, metadata }: AnswerPost,
  { isTemporary }: { isTemporary: boolean },
): Promise<AcceptedAnswer> {
  const { loom, tenant, principal } = world
  const { history, next } = conversation
  const id = isTemporary ? `completion-${randomUUID()}` : randomUUID()
  const asked = isTemporary ? { ...request, temporary: true as const } : request
  const sessionId = storedId(tenant, id)
  const author = authorOf(principal, sessionId, undefined)
  // The history may be that of another session, whose messages have the ids of an earlier request.
  const added = next.kind === 'message' ? next.messages.map(withNewId) : []
  const before = [...history, ...added.slice(0, -1)]
  for (const message of before) checkFiles(message, loom.fileUrls)
  if (next.kind === 'message') {
    const accepted = await acceptPost(loom, {
      tenant,
      author,
      id,
      isNamed: false,
      session: undefined,
      agent,
      content: contentOf(world, {
        message: withMetadata(added.at(-1), metadata),
        request: asked,
      }),
      continues: false,
      isAnswered: false,
      seed: () => Promise.resolve(before),
    })
    return { ...accepted, isTemporary }
  }
  const last = history.at(-1)
  if (last === undefined || hasOpenCall(last)) {
    throw new LoomError(
      'invalid-request',
      'The conversation must have the result of each tool call.',
    )
  }
  // The answer to the last message of the history, which has the results.
  const letter = {
    id: randomUUID(),
    kind: 'message' as const,
    replyId: newMessageId(),
    request: asked,
  }
  const to = { ...author, tenant, agent: agent.name, whenBusy: 'reject' as const, seed: before }
  const receipt = await loom.sessions.post(sessionId, letter, to)
  return { sessionId, receipt, isTemporary }
}

const withNewId = (message: UIMessage): UIMessage => ({ ...message, id: randomUUID() })

export const withMetadata = <MESSAGE extends UIMessage | undefined>(
  message: MESSAGE,
  metadata: JSONObject | undefined,
): MESSAGE => (message === undefined || metadata === undefined ? message : { ...message, metadata })

export const hasOpenCall = ({ parts }: UIMessage): boolean =>
  parts.some((part) => part.type === 'dynamic-tool' && part.state === 'input-available')

/**
 * Posts the end of the messages to a session.
 * @throws LoomError `gone` if the session does not exist and the messages contain an earlier answer; `refused` for
 * results that the session does not wait for; also as `acceptPost`
 */
export async function acceptInNamed(
  c: Context,
  world: SessionWorld,
  { conversation, agent, request, metadata, id }: AnswerPost & { id: string },
): Promise<AcceptedAnswer> {
  const { loom, tenant, principal } = world
  const { history, next } = conversation
  const session = await findSession(world, id, 'writer')
  const sessionId = session?.id ?? storedId(tenant, id)
  const author = authorOf(principal, sessionId, session)
  if (next.kind === 'results') {
    if (session === undefined) throw conversationGone()
    const { asked, approvals = true, clientTools = true } = request
    const settings = { ...(asked !== undefined && { asked }), approvals, clientTools }
    const { results } = next
    const receipt = await acceptAnswers(loom.sessions, session, results, { author, settings })
    return { sessionId, receipt, isTemporary: false }
  }
  const isSeeded = session === undefined && agent.seedFromClient === true
  if (session === undefined && !isSeeded && history.some(({ role }) => role === 'assistant')) {
    throw conversationGone()
  }
  // A client without the history in its request posts one message. Others repeat what the session has.
  const message = joined(isSeeded ? next.messages.slice(-1) : next.messages)
  const earlier = history.filter(({ role }) => role === 'user')
  const limit = earlier.length === 0 ? 2 : comparedMax
  const stored = session === undefined ? [] : await storedUserMessages(world, session, limit)
  const place = continuationOf(stored, {
    earlier,
    message,
    isRepeat: isRepeat(c),
    isRunning: session?.state === 'running',
  })
  const named = withMetadata({ ...message, id: place.id }, metadata)
  const content = contentOf(world, { message: named, request })
  const accepted = await acceptPost(loom, {
    tenant,
    author,
    id,
    isNamed: true,
    session,
    agent,
    content: { ...content, trigger: place.trigger, messageId: place.messageId },
    continues: false,
    isAnswered: false,
    seed: isSeeded
      ? () => Promise.resolve(textsOf([...history, ...next.messages.slice(0, -1)]))
      : undefined,
  })
  return { ...accepted, isTemporary: false }
}

/** The SDK of OpenAI counts its own retries in this header. */
export const isRepeat = (c: Context): boolean =>
  Number(c.req.header('x-stainless-retry-count') ?? 0) > 0 ||
  c.req.header('idempotency-key') !== undefined

/** The last messages of a session that are compared with those of the client. One message of a client needs only the last exchange. */
const comparedMax = 200

async function storedUserMessages(
  { loom }: SessionWorld,
  { id }: SessionRecord,
  limit: number,
): Promise<UIMessage[]> {
  const page = await loom.sessions.messagePage(id, { limit, before: undefined })
  return page?.messages.filter(({ role }) => role === 'user') ?? []
}

/** User messages without an answer between them are one message of a session. */
export const joined = (messages: readonly UIMessage[]): UIMessage => ({
  id: '',
  role: 'user',
  parts: messages.flatMap(({ parts }) => parts),
})

/** The texts of messages that a client may have invented. */
const textsOf = (messages: readonly UIMessage[]): UIMessage[] =>
  messages.flatMap(({ parts, ...message }) => {
    const texts = parts.filter(({ type }) => type === 'text')
    return texts.length === 0 ? [] : [{ ...message, parts: texts }]
  })

export const contentOf = (
  { loom }: SessionWorld,
  { message, request }: { message: UIMessage | undefined; request: LetterRequest },
) => ({
  trigger: 'submit-message' as const,
  messageId: undefined,
  key: undefined,
  last: new LastMessage(message, 'messages'),
  fileUrls: loom.fileUrls,
  request,
})

/** How long a temporary session may wait for the end of its turn before it is removed, in milliseconds. */
const settleMs = 60_000

/** Ends the turn of a temporary session if its client is gone, and removes the session. */
export async function discard(
  { loom: { sessions }, tenant }: SessionWorld,
  { sessionId, receipt: { logId } }: AcceptedAnswer,
): Promise<void> {
  await sessions.stop(sessionId, tenant, { logId })
  // The spending of the turn counts when it has ended.
  const signal = AbortSignal.timeout(settleMs)
  await sessions.readers
    .follow({ sessionId, logId, after: undefined, signal, deliver: () => undefined })
    .catch(() => {})
  await sessions.remove(sessionId, tenant)
}
