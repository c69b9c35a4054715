/**
 * Who runs a turn, and what it writes. A claim is the store's clock in milliseconds when it was made,
 * always greater than every claim and log entry id of the session before it. Entry ids are
 * `<claim>-<seq>`; seq 0 is the empty entry that the claiming call itself appends, so that a stale
 * owner is fenced by the log from that instant.
 */
import type { UIMessage } from 'ai'

import type { AgentEvent } from '../event.ts'
import type { Spending } from '../spending.ts'
import type { Letter } from './letter.ts'

/**
 * The profiles of a log's readers, the lowest first. `any` is a reader that declares none, so that it
 * knows the fewest chunks. The names are the stored ones.
 */
export const readerFloors = ['any', 'v5', 'v6', 'v7'] as const

/** The lowest profile that a reader of a log was served. */
export type ReaderFloor = (typeof readerFloors)[number]

/** Whether `one` knows fewer chunks than `other`. */
export const isLowerFloor = (one: ReaderFloor, other: ReaderFloor): boolean =>
  readerFloors.indexOf(one) < readerFloors.indexOf(other)

export interface Claim {
  sessionId: string
  /** Milliseconds; see the head of this file. */
  claim: number
  /** The id of the last log entry, which this claim just appended: `<claim>-0`. */
  lastId: string
  letter: Letter
  /** Id of the log, which is the id of the assistant message that it makes. */
  logId: string
  /** True when the log was begun by an earlier claim (takeover, or a waiting message that goes on). */
  resumed: boolean
  /** The log of a message that was waiting when a new user message came; it is to be settled first. */
  abandoned?: string
  /** When claims of this turn were taken over (the last 20), oldest first; hand-overs do not count. */
  takeovers: number[]
  stop?: Stop
  /** The lowest profile that a reader of this log was served. */
  floor?: ReaderFloor
}

/** How a turn is to stop: keep what was said, or take the turn back as if it had not been. */
export type Stop = 'keep' | 'discard'

export interface TurnAt {
  sessionId: string
  claim: number
  logId: string
  nonce: string
}

export interface AppendAt {
  sessionId: string
  claim: number
  logId: string
  /** The entry that this owner appended before. */
  after: string
}

export interface LogEntry {
  id: string
  events: readonly AgentEvent[]
}

/** What the owner must know, carried by every append's reply. */
export interface Intents {
  stop?: Stop
  /** Letters given to the running turn wait to be taken. */
  steer: boolean
}

export type AppendReply =
  | ({ status: 'appended' } & Intents)
  /** This very entry was there already: a re-sent command. */
  | ({ status: 'present' } & Intents)
  /** Somebody else owns the session now, or the log is gone: stop everything. */
  | { status: 'lost' }
  /** The log's last entry is an earlier one of this claim's own: the rest was lost by a failover. */
  | { status: 'behind'; lastId: string }

export interface Commit {
  /** The assistant message as it is now; put into the history, or over the one with its id. */
  message?: UIMessage
  /** `waiting` keeps the log open. */
  state: 'idle' | 'waiting'
  /** Why the turn failed. */
  error?: string
  /** Take what this log's turns put into the history out of it again (rollback); `message` is then not used. */
  discard?: boolean
  /** How long the finished log can still be read. */
  logTtlMs: number
  /** What the message has cost in all its turns; counts once it is whole (`idle`), also if discarded. */
  spent?: Spending
}

/**
 * Before the id of an instance: the owner of a turn that this instance gave away, or left to others
 * since it does not have the agent. Any instance that has the agent may take it at once.
 */
export const handedOver = 'handed-over:'

export type FinishReply =
  /** `isLeft`: the next letter is for an agent that the caller lacks, and waits for its taker. */
  | { status: 'done'; next?: Claim; isLeft?: true }
  | { status: 'lost' }
  /** The log does not end in what its owner wrote last: a failover lost it. Nothing was changed. */
  | { status: 'behind' }

export interface LogPage {
  entries: LogEntry[]
  /** True when nothing follows these entries, now or ever. A page that is full is never the last. */
  finished: boolean
  /**
   * Whether the log holds `after` itself; true without it. Who was given that entry and finds others
   * behind it, but not itself, was given what a failover lost: these do not continue it.
   */
  holdsAfter: boolean
}
