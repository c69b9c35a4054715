/**
 * The mailbox of a session, and the result of a post. The store takes letters in this order: answers,
 * steered letters that no turn took, letters that interrupt, then messages. Within each kind, the first
 * letter in is the first letter out.
 */
import type { UIMessage } from 'ai'

import type { Letter, WhenBusy } from './letter.ts'
import type { Claim } from './turn.ts'

/** Posts letters to the mailbox of a session, and takes them out. */
export interface MailboxStore {
  /** Accepts a letter, and claims the session if it is free. */
  post(sessionId: string, letter: Letter, options: PostOptions): Promise<PostReply>
  /** Removes a letter from the mailbox. The store remembers its id as withdrawn. Returns false if the mailbox lacks it. */
  withdraw(sessionId: string, letterId: string, options: { tenant: string }): Promise<boolean>
  /** Returns the letters that wait, in the order in which the store will take them. */
  mailbox(sessionId: string): Promise<Letter[]>
  /** Returns the place of a posted letter. Returns undefined if the session does not remember it (any more). */
  findLetter(sessionId: string, letterId: string): Promise<LetterPlace | undefined>
  /**
   * Removes the letters that are steered to the running turn, and returns them. In the same step, their
   * messages enter the history as part of the turn.
   */
  takeSteered(at: { sessionId: string; claim: number }): Promise<readonly Letter[] | 'lost'>
  /**
   * Ends a hold. If no turn runs, the first letter that waits begins its turn, as in `finish`. `isRunning`:
   * a turn runs now.
   */
  runQueue(
    sessionId: string,
    options: { tenant: string; instance: string; agents?: readonly string[] },
  ): Promise<{ isRunning: boolean; next?: Claim; isLeft?: true }>
}

export interface PostOptions {
  /** The instance that owns the session if the post claims it. */
  instance: string
  /** The tenant of the session; '' without authentication. The first post sets it. */
  tenant: string
  agent: string
  whenBusy: WhenBusy
  /** The maximum number of letters that wait. */
  mailboxLimit: number
  /** The agents whose turns the instance runs. @defaultValue all */
  agents?: readonly string[]
  /** The first messages of a session that the store does not have yet. */
  seed?: readonly UIMessage[]
  /** Absent if the letter is no edit, or edits a message of the history (`cutAt`). */
  edit?: QueueEdit
}

/**
 * The letter edits a message that is not in the history. If the letter with its id and its `replyId`
 * waits, the new letter takes its place in the queue (`interrupt`, `rollback` and `steer` move it), ends
 * a hold, and keeps its stream. If the id is unknown or was withdrawn, the letter is a new one. In every
 * other case the reply is `moved`, and the store changes nothing.
 */
export interface QueueEdit {
  /**
   * The id of the edit itself (an `Idempotency-Key`). A second edit with the same key and content changes
   * nothing. With other content, the reply is `taken`.
   */
  key?: string
}

export type PostReply =
  | { status: 'claimed'; claim: Claim }
  /**
   * `position` letters are before this one (0 = next). `steered`: it goes to the running turn. `next`,
   * `isLeft`: the post ended a hold, and the first letter that waited begins its turn; see `FinishReply`.
   */
  | { status: 'queued'; position: number; steered: boolean; next?: Claim; isLeft?: true }
  /** The id was posted before, or is the id of a message. `replyId` is '' if none is known. */
  | { status: 'known'; as: KnownAs; replyId: string }
  /** The id was posted before with other content. */
  | { status: 'taken' }
  /** The message of an edit began its turn, or was queued under another `replyId`. Read it again. */
  | { status: 'moved' }
  | { status: 'busy' }
  | { status: 'full' }
  /** The session belongs to another tenant. */
  | { status: 'foreign' }
  /**
   * The letter is an answer, and no message waits or can come to wait for it. Or its `cutAt` is neither
   * in the history nor the running answer.
   */
  | { status: 'refused' }
  /** The stored session has a state that this version of Loom does not know. */
  | { status: 'unknown' }

/** `replyId` is the log that answers the letter: its own, or that of the turn which it was steered to. */
export interface LetterPlace {
  as: Exclude<KnownAs, 'running'>
  replyId: string
}

export type KnownAs = 'queued' | 'running' | 'done' | 'withdrawn' | 'cut'
