/** Stored sessions: their records, histories and branches. */
import type { JSONObject } from '@ai-sdk/provider'
import type { UIMessage } from 'ai'

import type { Spending } from '../spending.ts'
import type { Member, Shared } from './member.ts'
import type { Summary } from './summary.ts'
import type { ReaderFloor, Stop, Takeover } from './turn.ts'

/** Reads sessions. */
export interface SessionReader {
  /** Returns the record of a session. Returns undefined if the store has no such session. */
  session(sessionId: string): Promise<SessionRecord | undefined>
  /**
   * Returns whether `remove` has deleted the session and no session with its id began since. The store forgets it
   * with the mark of the session. A session that is missing for another reason was lost.
   */
  isDeleted(sessionId: string): Promise<boolean>
  /**
   * Returns the records of several sessions of one tree (see `tasks`), in the order of their ids. No step of it
   * takes longer for many sessions than for some hundreds.
   */
  sessions(sessionIds: readonly string[]): Promise<(SessionRecord | undefined)[]>
  /** Returns the history in order, without the unfinished answer. */
  messages(sessionId: string): Promise<UIMessage[]>
  /**
   * Returns a part of the history in order, without the unfinished answer. Returns undefined if the history
   * has no message with the id `before`.
   */
  messagePage(sessionId: string, part: HistoryPart): Promise<MessagePage | undefined>
  /** Returns the data that a turn loads: the summary, the messages after it, and the context. */
  context(sessionId: string): Promise<SessionContext>
  /** Returns the messages that were cut from the history, the oldest branch first. */
  branches(sessionId: string): Promise<Branch[]>
  /** Returns the sessions of the tenant, or of one subject of it, the last used first. */
  list(
    tenant: string,
    options: {
      /** The maximum number of sessions of a page. */
      limit: number
      /** `before` of the previous page. @defaultValue the first page */
      before?: number
      /** Only the sessions that belong to this subject or are shared with it. @defaultValue all of the tenant */
      subject?: string
    },
  ): Promise<SessionPage>
}

/** Reads, copies and deletes sessions. */
export interface SessionStore extends SessionReader {
  /**
   * Copies the history up to and including `through` (by default the whole history) to a new id. With
   * `branch`, it copies the history as it was before this branch was cut. Returns false if there is no
   * such message or branch, or if the new id is taken. The copy gets the context of the session. It gets
   * the summary if it contains all messages that the summary replaces.
   */
  fork(
    sessionId: string,
    options: {
      /** The id of the copy. */
      newId: string
      /**
       * The number of a branch. The copy then has the history before that cut.
       * @defaultValue none: the present history
       */
      branch?: number
      /** The id of the last copied message. @defaultValue the last message */
      through?: string
      /** The tenant to whom both sessions belong; '' without authentication. */
      tenant: string
      /** The subject to whom the copy belongs. It has no members. @defaultValue the whole tenant */
      subject?: string
      /** The agent of the copy. @defaultValue that of the session */
      agent?: string
    },
  ): Promise<boolean>
  /** Replaces the members of a session. Returns false if the tenant has no such session. */
  setMembers(
    sessionId: string,
    members: readonly Member[],
    options: {
      /** The tenant to whom the session belongs; '' without authentication. */
      tenant: string
    },
  ): Promise<boolean>
  /**
   * Deletes a session. Returns false if the session does not belong to the tenant. A running turn loses
   * its claim. A later post with the same id begins a new session. Its claims are greater than those of
   * the deleted one, so that late writers of the deleted one stay locked out.
   */
  remove(
    sessionId: string,
    options: {
      /** The tenant to whom the session belongs; '' without authentication. */
      tenant: string
      /**
       * The `updatedAt` that the session must still have. The session then stays, and the reply is false, if a turn runs or a
       * message came since. @defaultValue deletes it in any case
       */
      unusedSince?: number
    },
  ): Promise<boolean>
}

/** `waiting`: the message is unfinished, waits for the answer of a client or a human, and has no owner. */
export type KnownState = 'idle' | 'running' | 'waiting'

/** `unknown`: another version of Loom stored this state. No turn begins in such a session. */
export type SessionState = KnownState | 'unknown'

/**
 * The state of a stored session. All times are in milliseconds since 1970, by the clock of the
 * store.
 */
export interface SessionRecord extends Shared {
  /** The id of the session in the store. */
  id: string
  /** The tenant (the principal) to whom the session belongs; '' without authentication. */
  tenant: string
  /** The name of the agent of the first post. */
  agent: string
  /** The first words of the first user message; see `title.ts`. Absent if no message has a text. */
  title?: string
  /** Whether a turn runs, or a message waits for the answer to a call. */
  state: SessionState
  /** In milliseconds, by the clock of the store, as all times of a store. */
  createdAt: number
  /** The time of the last change, in milliseconds since 1970. */
  updatedAt: number
  /** The running or waiting turn, or the last one. Absent before the first turn. */
  turn?: TurnRecord
  /** The reason why the last turn failed. Absent if it did not fail. */
  error?: string
  /** The time of the next occurrence of its schedules. Absent if it has none. */
  nextDueAt?: number
  /** The number of letters in the mailbox. */
  queued: number
  /** A stop holds the letters. The next post or `runQueue` begins the turn of the first one. Absent if no stop holds them. */
  held?: true
  /**
   * The sum over all finished messages, also those that were cut or discarded since. Absent if it is
   * nothing, for example in a new fork.
   */
  spent?: Spending
  /** The spending of the unfinished message, as far as its owner noted it. Absent if it is nothing. */
  unfinishedSpent?: Spending
  /**
   * The size of its messages, cut ones included, and of its files, in bytes. In Redis, a message that forks share counts
   * where it was posted. Absent if it is nothing.
   */
  bytes?: number
  /** Whether it is the root of a tree that has or had tasks. */
  hasTasks?: true
}

/** The turn of a session that runs or waits, or its last one. */
export interface TurnRecord {
  /** The claim of the owner: the time at which it was made, in milliseconds. */
  claim: number
  /**
   * The id of the instance that owns the turn. An owner that handed the turn over has the prefix
   * `handed-over:`.
   */
  owner: string
  /** The agent that answers. Absent if an older version of Loom began the turn. */
  agent?: string
  /** The id of the log, and of the assistant message that the log makes. */
  logId: string
  /** The id of the letter that began the turn. */
  letterId: string
  /** The id of the last entry of the log. */
  lastId: string
  /** The time at which the turn began, in milliseconds since 1970. */
  startedAt: number
  /** The last 20 takeovers of the turn, the oldest first. Hand-overs do not count. Absent if there is none. */
  takeovers?: readonly Takeover[]
  /** The lowest profile that the log was sent in. Absent before its first reader. */
  floor?: ReaderFloor
  /** The stop that waits for the owner. Absent if there is none. */
  stop?: Stop
}

/** The part of a session that a turn loads. */
export interface SessionContext {
  /** The summary of the first part of the history. Absent if there is none. */
  summary?: Summary
  /** The history after the summary (the whole history if there is none), without the unfinished answer. */
  messages: UIMessage[]
  /**
   * The context of the running or waiting turn. In an idle session, the context of the next message that
   * brings none of its own. Absent if no letter has brought one.
   */
  context?: JSONObject
}

/** A part of a history, counted from its end. */
export interface HistoryPart {
  /** The maximum number of messages. */
  limit: number
  /**
   * The id of the message after the last one of the part, which may be the unfinished answer.
   * @defaultValue none: the part ends with the history
   */
  before?: string | undefined
}

/** Messages of a history, in order. */
export interface MessagePage {
  /** The messages of the part, the oldest first. */
  messages: UIMessage[]
  /** Whether the history has messages before these. */
  hasEarlier: boolean
}

/** Messages that an edit, a regeneration or a rollback cut from the history. */
export interface Branch {
  /** Identifies the branch in its session. It grows with every cut. */
  number: number
  /** The id of the first message that was cut. */
  at: string
  /** The index of this message in the history. */
  position: number
  /** The time of the cut, in milliseconds. */
  cutAtMs: number
  /** The messages that were cut, in order. */
  messages: UIMessage[]
}

/** A page of sessions, the last used first. */
export interface SessionPage {
  /** The sessions of this page. */
  sessions: SessionRecord[]
  /** The start of the next page. Absent on the last page. */
  before?: number
}
