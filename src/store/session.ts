/** What can be read of a session. */
import type { JSONObject } from '@ai-sdk/provider'
import type { UIMessage } from 'ai'

import type { Spending } from '../spending.ts'
import type { ReaderFloor, Stop } from './turn.ts'

/** `waiting`: for a client's or a human's answer; the message is unfinished and nobody owns it. */
export type KnownState = 'idle' | 'running' | 'waiting'

/** `unknown`: another version of Loom stored it so. Nothing begins on such a session. */
export type SessionState = KnownState | 'unknown'

export interface SessionRecord {
  id: string
  tenant: string
  agent: string
  state: SessionState
  /** Milliseconds by the store's clock, as all times of a store. */
  createdAt: number
  updatedAt: number
  /** The running or waiting turn, or the last one. */
  turn?: TurnRecord
  /** Why the last turn failed. */
  error?: string
  /** Letters in the mailbox. */
  queued: number
  /** A stop holds them: the next post or `runQueue` begins the first one's turn. */
  held?: true
  /**
   * By all messages that are whole, also those that were cut or discarded since; absent where it is
   * nothing, as in a fork that has just been made.
   */
  spent?: Spending
}

export interface TurnRecord {
  claim: number
  owner: string
  /** The agent that answers; absent where the turn began before stores kept it. */
  agent?: string
  logId: string
  letterId: string
  lastId: string
  startedAt: number
  /** The lowest profile that a reader of this log was served. */
  floor?: ReaderFloor
  stop?: Stop
}

/** What stands for the beginning of a history where a model is told of it. The history stays as it is. */
export interface Summary {
  text: string
  /** The id of the last message that it stands for. */
  through: string
  /** About how long it is. */
  tokens: number
}

/** As much of a session as a turn has to load. */
export interface SessionContext {
  summary?: Summary
  /** The history behind the summary, without the unfinished answer; all of it where there is none. */
  messages: UIMessage[]
  /**
   * The context of the turn that runs or waits; in an idle session, the one that the next message has
   * if it brings none. Absent where no letter has brought one.
   */
  context?: JSONObject
}

export interface Branch {
  /** Names the branch in its session; grows with every cut. */
  number: number
  /** The id of the first message that was cut. */
  at: string
  /** The index that it had in the history. */
  position: number
  /** When, in milliseconds. */
  cutAtMs: number
  messages: UIMessage[]
}

export interface SessionPage {
  sessions: SessionRecord[]
  /** Where the next page begins; absent on the last one. */
  before?: number
}
