/** The letters of a mailbox, and their effect on a running turn. */
import type { JSONObject } from '@ai-sdk/provider'
import type { UIMessage } from 'ai'

import type { AnswerSettings } from '../answer-settings.ts'
import type { TraceHeaders } from '../ground/trace.ts'

/** A message, or the answer to a call, on its way to a turn. A post makes it. */
export interface Letter {
  /**
   * Unique in the session: the id of the user message, or a new one for an answer, a regeneration or an
   * edit (whose message keeps its id).
   */
  id: string
  /**
   * `message`: a user message, an edit or a regeneration. `answer`: answers to the calls of the
   * waiting message.
   */
  kind: 'message' | 'answer'
  /** Of a `message`: it enters the history when its turn begins. Absent for a regeneration. */
  message?: UIMessage
  /** The id of the assistant message that its turn will make, and of the log. */
  replyId: string
  /**
   * The id of a message at which the history is cut first: that message and all after it become a
   * branch. If the history lacks the message when the turn begins, the letter is dropped, and its id is
   * remembered as cut.
   */
  cutAt?: string
  /** Of an `answer`: the answers to the calls of the waiting message. */
  answer?: readonly Answer[]
  /**
   * The fingerprint of the content. A second letter with the same id and another digest is `taken`.
   * Absent if the id is made from the content.
   */
  digest?: string
  /**
   * The context of its turn. Without it, a message uses the last context of the session, and an answer
   * keeps the context of the waiting turn. The context of a steered letter is for the turns after the one
   * that takes it.
   */
  context?: JSONObject
  /** For the instance that runs the turn. No store reads it. */
  request: LetterRequest
}

/**
 * The data for the instance that runs the turn: plain JSON. The trace is that of the request or the tool call
 * that posted the letter. It is absent without a tracer, and in a letter of an earlier version.
 */
export interface LetterRequest extends TraceHeaders {
  /** The name of the agent that answers. */
  agent: string
  /** The model that the client chose among the `models` of the agent. @defaultValue the agent's model */
  model?: string
  /** Without it, the turn has the last context of the session; see `Letter`. */
  context?: JSONObject
  /** The user of the tenant that posted. Absent if the principal acts for the whole tenant. */
  subject?: string
  /** False if the client that posted cannot show an approval. Then a call that needs one is refused. */
  approvals?: boolean
  /** False if the client that posted cannot answer a client-side tool. */
  clientTools?: boolean
  /** The settings that the client asked for. Absent if it asked for none. */
  asked?: AnswerSettings
  /**
   * True if the session is only for this answer and its client cannot come back for it. If its instance dies, the
   * next one removes the session.
   */
  temporary?: true
  /** Of an `answer` without answers: it ends the wait as a stop. The value is the effect on the letters that wait. */
  stop?: QueueOnStop
  /** The time of the post by the clock of its instance, in milliseconds since 1970. Absent in a letter of an earlier version. */
  postedAt?: number
}

/** An answer of the client or of a human to a message that waits. */
export type Answer =
  | {
      type: 'output'
      /** The id of the call that the session waits for. */
      toolCallId: string
      /** The output of the call: a JSON value. */
      output: unknown
    }
  | {
      type: 'output-error'
      /** The id of the call that the session waits for. */
      toolCallId: string
      /** The error of the call, which the model receives. */
      errorText: string
    }
  | {
      type: 'approval'
      /** The id of the approval request that the session waits for. */
      approvalId: string
      /** Whether the call may run. The model receives a refusal as the outcome of the call. */
      approved: boolean
      /** The reason of the decision. Absent if the human gave none. */
      reason?: string
    }

/**
 * The effect of a new message on a turn that runs. `queue`: the message waits. `reject`: the message is
 * refused with `busy`. `interrupt`: the running answer stops and keeps its text, and the message is next.
 * `rollback`: the running answer stops, its message and its text leave the history, and the message is next.
 * `steer`: the running turn reads the message before its next step.
 *
 * Answers to the turn that runs are always queued: if it ends without waiting, they are dropped as cut.
 * Answers to any other message are refused.
 * @example
 * ```ts
 * import { defineAgent, startAgent, type WhenBusy } from 'loomkit'
 *
 * const whenBusy: WhenBusy = 'steer'
 * const session = startAgent(defineAgent({ name: 'tutor', systemPrompt: 'Teach.' }))
 * await session.cast('Use metric units.', { whenBusy })
 * ```
 */
export type WhenBusy = 'queue' | 'reject' | 'interrupt' | 'rollback' | 'steer'

/**
 * The effect of a stop on the letters that wait. `hold`: none of them begins a turn before the next post
 * or `runQueue`. `clear`: the store withdraws them. `run`: the next one begins its turn.
 */
export type QueueOnStop = 'hold' | 'clear' | 'run'
