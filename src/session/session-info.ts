/** The public form of a session and of its queue, over HTTP and in code. */
import type { JSONValue } from '@ai-sdk/provider'

import { type Cost, costFields } from '../spending.ts'
import type { Letter } from '../store/letter.ts'
import type { SessionRecord, SessionState } from '../store/session.ts'
import type { Usage } from '../usage.ts'
import { publicId } from './tenant-ids.ts'

/**
 * A session as `AgentSession.info` and `Loom.listSessions` return it, and `GET /api/chat/:id` over HTTP. Times
 * are in milliseconds since 1970, by the clock of the store.
 * @example
 * ```ts
 * import { defineAgent, Loom, type SessionInfo } from 'loomkit'
 *
 * const agent = defineAgent({ name: 'tutor', systemPrompt: 'Teach.', model: 'demo/assistant' })
 * const isBusy = ({ state, queued }: SessionInfo) => state === 'running' || queued > 0
 * const { sessions } = await new Loom({ agents: [agent] }).listSessions()
 * const busy = sessions.filter(isBusy)
 * ```
 */
export interface SessionInfo {
  /** The id by which the principal names the session. */
  id: string
  /** The first words of the first user message, at most 80 characters. Absent if no message has a text. */
  title?: string
  /** The name of the agent of the first message. Of a task, only `info` and `GET /api/chat/:id` have its own agent. */
  agent: string
  /** The session whose tool call started this one. Only `info` and `GET /api/chat/:id` of a task have it. */
  parentId?: string
  /**
   * `running`: an answer is being written. `waiting`: the answer waits for the outcome of a call or for an
   * approval. `idle`: neither. `unknown`: another version of Loom stored a state that this version does not
   * know.
   */
  state: SessionState
  /** The id of the answer that runs or waits, or of the last one. Absent before the first answer. */
  messageId?: string
  /** The time at which this answer began. Absent before the first answer. */
  startedAt?: number
  /**
   * The calls that a client or a human must answer before the answer continues. Only `info` and
   * `GET /api/chat/:id` have it, and only while `state` is `waiting`.
   */
  waitsFor?: OpenCall[]
  /** The number of messages in the queue. */
  queued: number
  /** A stop holds the queue. The next message or `runQueue` answers it. Absent if no stop holds it. */
  held?: true
  /** The reason why the last answer failed. Absent if it did not fail. */
  error?: string
  /** The time at which the session began. */
  createdAt: number
  /** The time of the last change. */
  updatedAt: number
  /** The time of the next occurrence of its schedules. Absent if it has none. */
  nextDueAt?: number
  /**
   * The sum over all finished messages. `cost` is in US dollars, and absent if it is not known. Absent before
   * the first answer, and in a new fork.
   */
  spent?: {
    /** The tokens of all finished messages. */
    usage: Usage
    /** The cost of all finished messages. Absent if it is unknown. */
    cost?: Cost
  }
}

/**
 * A call of a `SessionInfo` that a client or a human must answer.
 * @example
 * ```ts
 * import type { OpenCall } from 'loomkit'
 *
 * const questionOf = ({ toolName, approvalId }: OpenCall) =>
 *   approvalId === undefined ? `Answer ${toolName}.` : `May ${toolName} run?`
 * ```
 */
export interface OpenCall {
  /** The id of the call, for `AgentSession.answer` and `POST …/tools/:toolCallId`. */
  toolCallId: string
  /** The name of the tool. */
  toolName: string
  /** The input of the call, as the model wrote it. */
  input: JSONValue
  /**
   * The id of the approval request, for `AgentSession.approve` and `POST …/approvals/:approvalId`. Absent if
   * the call needs an output.
   */
  approvalId?: string
}

/** The public form of a record: without the tenant, and without the facts that only instances need. */
export function sessionInfo(session: SessionRecord): SessionInfo {
  const { id, tenant, agent, title, state, turn, queued, held, error, spent, nextDueAt } = session
  const { createdAt, updatedAt } = session
  return {
    id: publicId(tenant, id),
    ...(title !== undefined && { title }),
    agent,
    state,
    ...(turn !== undefined && { messageId: turn.logId, startedAt: turn.startedAt }),
    queued,
    ...(held !== undefined && { held }),
    ...(error !== undefined && { error }),
    createdAt,
    updatedAt,
    ...(nextDueAt !== undefined && { nextDueAt }),
    ...(spent !== undefined && { spent: { usage: spent.usage, ...costFields(spent) } }),
  }
}

/** A letter that waits, as `AgentSession.queue` returns it. An answer to a call has no message. */
export type QueuedLetterInfo = Pick<Letter, 'id' | 'kind' | 'message'>

export const queueInfo = (letters: readonly Letter[]): QueuedLetterInfo[] =>
  letters.map(({ id, kind, message }) => ({ id, kind, ...(message && { message }) }))
