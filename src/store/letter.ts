/** What a session's mailbox holds, and how a letter treats what runs. */
import type { JSONObject } from '@ai-sdk/provider'
import type { UIMessage } from 'ai'

export interface Letter {
  /**
   * Unique in the session: the user message's id, or one made up for an answer, a regeneration or an
   * edit (whose message keeps its id).
   */
  id: string
  kind: 'message' | 'answer'
  /** `message`: what enters the history when its turn begins; absent for regenerate. */
  message?: UIMessage
  /** The id that the assistant message of its turn will have; names the log. */
  replyId: string
  /**
   * Cut the history there first: that message and all after it become a branch. A letter whose
   * place is gone when its turn comes is dropped, and its id is known as cut.
   */
  cutAt?: string
  /** Of an `answer`: what was said to the calls of the message that waits. */
  answer?: readonly Answer[]
  /**
   * Fingerprint of what the letter says. A second letter with the same id and another digest is
   * `taken`; absent where the id is made from the content.
   */
  digest?: string
  /**
   * The context of its turn. A message without one has the session's last; an answer without one keeps
   * that of the turn which waits. A steered letter's is for the turns after the one that takes it.
   */
  context?: JSONObject
  /** Carried for the instance that runs the turn; no store reads it. */
  request: LetterRequest
}

/** What a letter carries for the instance that runs its turn: plain JSON. */
export interface LetterRequest {
  agent: string
  /** Without it, the turn has the session's last; see `Letter`. */
  context?: JSONObject
  /** False where the client that posted cannot show an approval: a call that needs one is refused. */
  approvals?: boolean
  /** False where the client that posted cannot answer a client-side tool. */
  clientTools?: boolean
}

/** An answer of the client or of a human to a message that waits. */
export type Answer =
  | { type: 'output'; toolCallId: string; output: unknown }
  | { type: 'output-error'; toolCallId: string; errorText: string }
  | { type: 'approval'; approvalId: string; approved: boolean; reason?: string }

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
 * import { defineAgent, startAgent, type WhenBusy } from 'loom'
 *
 * const whenBusy: WhenBusy = 'steer'
 * const session = startAgent(defineAgent({ name: 'tutor', systemPrompt: 'Teach.' }))
 * await session.cast('Use metric units.', { whenBusy })
 * ```
 */
export type WhenBusy = 'queue' | 'reject' | 'interrupt' | 'rollback' | 'steer'

/**
 * What a stop does with the letters that wait. `hold`: none of them begins a turn before the next post
 * or `runQueue`. `clear`: they are withdrawn. `run`: the next one begins its turn.
 */
export type QueueOnStop = 'hold' | 'clear' | 'run'
