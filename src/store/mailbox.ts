/**
 * What waits in a session's mailbox, and what becomes of a post. Letters are taken in this order:
 * answers, steered letters that no turn took, interrupters, then messages; each first in, first out.
 */
import type { UIMessage } from 'ai'

import type { WhenBusy } from './letter.ts'
import type { Claim } from './turn.ts'

export interface PostOptions {
  nonce: string
  /** The instance that will own the session if it is free. */
  instance: string
  /** Who the session belongs to; '' where there is no authentication. Set at the first post. */
  tenant: string
  agent: string
  whenBusy: WhenBusy
  /** Letters that may wait. */
  mailboxLimit: number
  /** Agents of which the instance runs turns. @defaultValue all */
  agents?: readonly string[]
  /** Messages that a session unknown to the store begins with. */
  seed?: readonly UIMessage[]
  /** Absent where the letter is no edit, or edits a message of the history (`cutAt`). */
  edit?: QueueEdit
}

/**
 * The letter edits a message that is not in the history. If the letter with its id and its `replyId`
 * waits, the new letter takes its place in the queue (`interrupt`, `rollback` and `steer` move it), ends
 * a hold, and keeps its stream. If the id is unknown or was withdrawn, the letter is a new one. In every
 * other case the answer is `moved`, and nothing changes.
 */
export interface QueueEdit {
  /**
   * The edit's own id (an `Idempotency-Key`). A second edit with the same key and content changes
   * nothing; with other content it is `taken`.
   */
  key?: string
}

export type PostReply =
  | { status: 'claimed'; claim: Claim }
  /**
   * Behind `position` others (0 = next). `steered`: given to the turn that runs. `next`, `isLeft`: the
   * post ended a hold, and the first letter that waited begins its turn; see `FinishReply`.
   */
  | { status: 'queued'; position: number; steered: boolean; next?: Claim; isLeft?: true }
  /** The id was posted before, or is a message's: where it is now. `replyId` is '' where none is known. */
  | { status: 'known'; as: KnownAs; replyId: string }
  /** The id was posted before with other content. */
  | { status: 'taken' }
  /** The message of an edit began its turn, or was queued under another `replyId`: read it again. */
  | { status: 'moved' }
  | { status: 'busy' }
  | { status: 'full' }
  /** The session is somebody else's. */
  | { status: 'foreign' }
  /**
   * An answer for which nothing waits or may come to wait, or a `cutAt` that is neither in the
   * history nor the answer that is being made.
   */
  | { status: 'refused' }
  /** The stored session is in a state that this version of Loom does not know. */
  | { status: 'unknown' }

/** `replyId` names the log that answers it: its own, or that of the turn which it was steered to. */
export interface LetterPlace {
  as: Exclude<KnownAs, 'running'>
  replyId: string
}

export type KnownAs = 'queued' | 'running' | 'done' | 'withdrawn' | 'cut'
