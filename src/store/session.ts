/** Stored sessions: their records, histories and branches. */
import type { JSONObject } from '@ai-sdk/provider'
import type { UIMessage } from 'ai'

import type { Spending } from '../spending.ts'
import type { Summary } from './summary.ts'
import type { ReaderFloor, Stop } from './turn.ts'

/** Reads sessions. */
export interface SessionReader {
  /** Returns the record of a session. Returns undefined if the store has no such session. */
  session(sessionId: string): Promise<SessionRecord | undefined>
  /** Returns the history in order, without the unfinished answer. */
  messages(sessionId: string): Promise<UIMessage[]>
  /** Returns the data that a turn loads: the summary, the messages after it, and the context. */
  context(sessionId: string): Promise<SessionContext>
  /** Returns the messages that were cut from the history, the oldest branch first. */
  branches(sessionId: string): Promise<Branch[]>
  /** Returns the sessions of the tenant, the last used first. */
  list(tenant: string, options: { limit: number; before?: number }): Promise<SessionPage>
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
    options: { newId: string; branch?: number; through?: string; tenant: string },
  ): Promise<boolean>
  /**
   * Deletes a session. Returns false if the session does not belong to the tenant. A running turn loses
   * its claim. A later post with the same id begins a new session. Its claims are greater than those of
   * the deleted one, so that late writers of the deleted one stay locked out.
   */
  remove(sessionId: string, options: { tenant: string }): Promise<boolean>
}

/** `waiting`: the message is unfinished, waits for the answer of a client or a human, and has no owner. */
export type KnownState = 'idle' | 'running' | 'waiting'

/** `unknown`: another version of Loom stored this state. No turn begins in such a session. */
export type SessionState = KnownState | 'unknown'

export interface SessionRecord {
  id: string
  tenant: string
  agent: string
  state: SessionState
  /** In milliseconds, by the clock of the store, as all times of a store. */
  createdAt: number
  updatedAt: number
  /** The running or waiting turn, or the last one. */
  turn?: TurnRecord
  /** The reason why the last turn failed. */
  error?: string
  /** The number of letters in the mailbox. */
  queued: number
  /** A stop holds the letters. The next post or `runQueue` begins the turn of the first one. */
  held?: true
  /**
   * The sum over all finished messages, also those that were cut or discarded since. Absent if it is
   * nothing, for example in a new fork.
   */
  spent?: Spending
}

export interface TurnRecord {
  claim: number
  owner: string
  /** The agent that answers. Absent if an older version of Loom began the turn. */
  agent?: string
  logId: string
  letterId: string
  lastId: string
  startedAt: number
  /** The lowest profile that the log was sent in. */
  floor?: ReaderFloor
  stop?: Stop
}

/** The part of a session that a turn loads. */
export interface SessionContext {
  summary?: Summary
  /** The history after the summary (the whole history if there is none), without the unfinished answer. */
  messages: UIMessage[]
  /**
   * The context of the running or waiting turn. In an idle session, the context of the next message that
   * brings none of its own. Absent if no letter has brought one.
   */
  context?: JSONObject
}

export interface Branch {
  /** Identifies the branch in its session. It grows with every cut. */
  number: number
  /** The id of the first message that was cut. */
  at: string
  /** The index of this message in the history. */
  position: number
  /** The time of the cut, in milliseconds. */
  cutAtMs: number
  messages: UIMessage[]
}

export interface SessionPage {
  sessions: SessionRecord[]
  /** The start of the next page. Absent on the last page. */
  before?: number
}
