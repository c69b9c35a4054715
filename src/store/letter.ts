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
  /** `answer`: anything the session layer wants to find again (tool output, approval decision). */
  answer?: unknown
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
  /** Name of the agent, declared profile …: carried, never read by a store. */
  request: unknown
}

/**
 * How a new letter treats a running turn. Answers to the turn that runs are always queued: when it
 * ends without waiting they are dropped, as cut. Answers to any other message are refused.
 */
export type WhenBusy = 'queue' | 'reject' | 'interrupt' | 'rollback' | 'steer'

/**
 * What a stop does with the letters that wait. `hold`: none of them begins a turn before the next post
 * or `runQueue`. `clear`: they are withdrawn. `run`: the next one begins its turn.
 */
export type QueueOnStop = 'hold' | 'clear' | 'run'
