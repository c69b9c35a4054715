/**
 * The mailbox of a session, and the result of a post. The store takes letters in this order: answers,
 * steered letters that no turn took, letters that interrupt, then messages. Within each kind, the first
 * letter in is the first letter out.
 */
import type { UIMessage } from 'ai'

import type { Letter, WhenBusy } from './letter.ts'
import type { Author } from './member.ts'
import type { Claim } from './turn.ts'

/** Posts letters to the mailbox of a session, and takes them out. */
export interface MailboxStore {
  /** Accepts a letter, and claims the session if it is free. */
  post(sessionId: string, letter: Letter, options: PostOptions): Promise<PostReply>
  /** Removes a letter from the mailbox. The store remembers its id as withdrawn. Returns false if the mailbox lacks it. */
  withdraw(
    sessionId: string,
    letterId: string,
    options: {
      /** The tenant to whom the session belongs; '' without authentication. */
      tenant: string
    },
  ): Promise<boolean>
  /** Returns the letters that wait, in the order in which the store will take them. */
  mailbox(sessionId: string): Promise<Letter[]>
  /** Returns the place of a posted letter. Returns undefined if the session does not remember it (any more). */
  findLetter(sessionId: string, letterId: string): Promise<LetterPlace | undefined>
  /**
   * Removes the letters that are steered to the running turn, and returns them. In the same step, their
   * messages enter the history as part of the turn.
   */
  takeSteered(at: {
    /** The id of the session. */
    sessionId: string
    /** The claim of the caller. The reply is `lost` if the session has another one. */
    claim: number
  }): Promise<readonly Letter[] | 'lost'>
  /**
   * Ends a hold. If no turn runs, the first letter that waits begins its turn, as in `finish`. `isRunning`:
   * a turn runs now.
   */
  runQueue(
    sessionId: string,
    options: {
      /** The tenant to whom the session belongs; '' without authentication. */
      tenant: string
      /** The instance that owns the session if a turn begins. */
      instance: string
      /** The agents whose turns the instance runs. @defaultValue all */
      agents?: readonly string[]
    },
  ): Promise<{
    /** Whether a turn runs now. */
    isRunning: boolean
    /** The claim of the turn that began. Absent if none began. */
    next?: Claim
    /** True if that turn is for an agent that the caller lacks. It waits for another instance. */
    isLeft?: true
  }>
}

/** The circumstances of a post. */
export interface PostOptions extends Author {
  /** The instance that owns the session if the post claims it. */
  instance: string
  /** The tenant of the session; '' without authentication. The first post sets it. */
  tenant: string
  /** The name of the agent that answers the letter. */
  agent: string
  /** The effect of the letter on a turn that runs. */
  whenBusy: WhenBusy
  /** The maximum number of letters that wait. */
  mailboxLimit: number
  /**
   * The maximum size of the letters that wait, in bytes, as about the length of their JSON. A single letter
   * always fits. Results of tasks do not count against it. @defaultValue Infinity
   */
  mailboxBytesMax?: number
  /** The agents whose turns the instance runs. @defaultValue all */
  agents?: readonly string[]
  /** The first messages of a session that the store does not have yet. @defaultValue none */
  seed?: readonly UIMessage[]
  /**
   * The edit of a message that is not in the history. An edit of a message of the history has `cutAt`.
   * @defaultValue none
   */
  edit?: QueueEdit
  /**
   * True for the result of a task. It begins no session. If a message waits for an answer, it is queued behind
   * all other letters until that message is finished or abandoned. It does not end a hold. Otherwise it is
   * steered to the turn that runs, or begins a turn. @defaultValue false
   */
  isResult?: boolean
  /**
   * True for a letter that begins no session: the reply is then `gone`. The session of a schedule may be deleted
   * while an occurrence is on its way. A result begins no session either. @defaultValue false
   */
  beginsNone?: boolean
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

/**
 * The outcome of a post. `claimed`: the caller owns the session and must run the turn. `queued`:
 * the letter waits for its turn, or for the running turn if it is `steered`. `known`: the id was
 * posted before. `taken`: it was posted before with other content. `moved`: the message of an edit
 * began its turn, so the caller reads it again. `busy` and `full`: the session did not accept the
 * letter. `foreign`: it belongs to another tenant, or to other subjects of the tenant. `refused`: no message waits for the answer, or
 * the message to edit does not exist. `unknown`: the stored state is of another version of Loom.
 */
export type PostReply =
  | {
      status: 'claimed'
      /** The claim of the turn that the caller must run. */
      claim: Claim
    }
  /**
   * `position` letters are before this one (0 = next). `steered`: it goes to the running turn. `next`,
   * `isLeft`: the post ended a hold, and the first letter that waited begins its turn; see `FinishReply`.
   */
  | {
      status: 'queued'
      /** The number of letters before this one; 0 if it is next. */
      position: number
      /** Whether the letter goes to the running turn. */
      steered: boolean
      /** The claim of the turn that began because the post ended a hold. Absent if none began. */
      next?: Claim
      /** True if that turn is for an agent that the caller lacks. It waits for another instance. */
      isLeft?: true
    }
  /** The id was posted before, or is the id of a message. `replyId` is '' if none is known. */
  | {
      status: 'known'
      /** The state of the letter that was posted before; see `KnownAs`. */
      as: KnownAs
      /** The id of the log that answers the letter. It is '' if none is known. */
      replyId: string
    }
  /** The id was posted before with other content. */
  | { status: 'taken' }
  /** The message of an edit began its turn, or was queued under another `replyId`. Read it again. */
  | { status: 'moved' }
  | { status: 'busy' }
  | { status: 'full' }
  /** The session is a task that its tree lacks, or the session does not exist and the letter begins none. */
  | { status: 'gone' }
  /** The session belongs to another tenant, or the `writer` may not write to it. */
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
  /** The state of the letter; see `KnownAs`. */
  as: Exclude<KnownAs, 'running'>
  /** The id of the log that answers the letter. It is '' if none is known. */
  replyId: string
}

/**
 * The state of a letter that was posted. `queued`: it waits. `running`: its turn runs. `done`: its
 * turn has ended. `withdrawn`: it was removed from the queue. `cut`: it was dropped, because the
 * message to which it refers has left the history.
 */
export type KnownAs = 'queued' | 'running' | 'done' | 'withdrawn' | 'cut'
