/** The posts of a program in the same process. They mean the same as a client's posts to `POST /api/chat`. */
import type { JSONObject } from '@ai-sdk/provider'
import type { UIMessage } from 'ai'

import type { Agent } from '../agent.ts'
import { LoomError } from '../ground/error.ts'
import { newMessageId } from '../ground/message-id.ts'
import type { Answer, WhenBusy } from '../store/letter.ts'
import { type AcceptedPost, acceptPost, conversationGone } from './accept-post.ts'
import { answerId } from './answer-letter.ts'
import { LastMessage } from './last-message.ts'
import type { PostContent } from './post-content.ts'
import type { SessionHost } from './session-host.ts'
import { storedId } from './tenant-ids.ts'

/** The session that a program posts to. */
export interface ProgramTarget {
  host: SessionHost
  principal: string
  /** The id by which the principal names the session. */
  id: string
  agent: Agent
  /** The first messages of the session if the store does not have it yet. */
  seed: readonly UIMessage[]
}

export interface ProgramPostOptions {
  whenBusy?: WhenBusy
  context?: JSONObject
  model?: string
  /** Identifies a post that is sent again. */
  idempotencyKey?: string
}

/** @param messageId the id of the message that this one replaces. Undefined for a new message. */
export function postMessage(
  target: ProgramTarget,
  message: string | UIMessage,
  { messageId, ...options }: ProgramPostOptions & { messageId?: string },
): Promise<AcceptedPost> {
  const userMessage: UIMessage =
    typeof message === 'string'
      ? { id: newMessageId(), role: 'user', parts: [{ type: 'text', text: message }] }
      : message
  if (message === '') throw new LoomError('invalid-request', 'The message is empty.')
  if (userMessage.role !== 'user') {
    throw new LoomError('invalid-request', 'The message must have the role "user".')
  }
  const source = messageId === undefined ? userMessage : { ...userMessage, id: messageId }
  const last = new LastMessage(source, 'message')
  return accept(target, { trigger: 'submit-message', messageId, last }, options)
}

/** @param messageId the message to answer again, or its answer. @defaultValue the last user message */
export async function postRegeneration(
  target: ProgramTarget,
  messageId: string | undefined,
  options: ProgramPostOptions,
): Promise<AcceptedPost> {
  const from = messageId ?? (await lastUserMessage(target))
  const last = new LastMessage({ role: 'user' }, 'message')
  return accept(target, { trigger: 'regenerate-message', messageId: from, last }, options)
}

/**
 * The message that a regeneration without a message id answers again.
 * @throws LoomError `gone` if the session does not exist; `invalid-request` if it has no user message
 */
export async function lastUserMessage({
  host,
  principal,
  id,
  seed,
}: Omit<ProgramTarget, 'agent'>): Promise<string> {
  const session = await host.sessions.find(principal, id)
  const history = session === undefined ? seed : await host.sessions.messages(session.id)
  const message = history.findLast(({ role }) => role === 'user')
  if (message !== undefined) return message.id
  if (session === undefined) throw conversationGone()
  throw new LoomError('invalid-request', 'This session has no message to answer again.')
}

async function accept(
  { host, principal, id, agent, seed }: ProgramTarget,
  content: Pick<PostContent, 'trigger' | 'messageId' | 'last'>,
  { whenBusy, context, model, idempotencyKey }: ProgramPostOptions,
): Promise<AcceptedPost> {
  return acceptPost(host, {
    tenant: principal,
    id,
    session: await host.sessions.find(principal, id),
    agent,
    content: {
      ...content,
      key: idempotencyKey,
      fileUrls: host.fileUrls,
      request: {
        agent: agent.name,
        ...(model !== undefined && { model }),
        ...(context !== undefined && { context }),
      },
    },
    whenBusy,
    // A program may begin a session under any id. Only an edit and a regeneration need an earlier one.
    isNamed: true,
    continues: false,
    isAnswered: false,
    seed: seed.length > 0 ? async () => [...seed] : undefined,
  })
}

/** Posts answers to the calls of this message. The turn that makes the message may still run. */
export async function postAnswers(
  { host, principal, id, agent }: ProgramTarget,
  messageId: string,
  answers: readonly Answer[],
): Promise<AcceptedPost> {
  const session = await host.sessions.find(principal, id)
  const sessionId = session?.id ?? storedId(principal, id)
  const letter = {
    id: answerId({ id: messageId }, answers),
    kind: 'answer' as const,
    answer: answers,
    replyId: messageId,
    request: { agent: agent.name },
  }
  const to = { tenant: principal, agent: agent.name, whenBusy: 'queue' as const }
  return { sessionId, receipt: await host.sessions.post(sessionId, letter, to) }
}
