/**
 * Turns and their owners. A claim is the time at which it was made, in milliseconds by the clock of the
 * store. It is always greater than every earlier claim and every earlier entry id of the session. The
 * call that claims appends the entry `<claim>-0`, so that the log shuts out an earlier owner from then on.
 */
import type { UIMessage } from 'ai'

import type { Spending } from '../spending.ts'
import type { Letter, QueueOnStop } from './letter.ts'
import type { Summary } from './summary.ts'

/** Begins, stops and ends turns, and decides their owners. */
export interface TurnStore {
  /**
   * In one step, checks the claim and that the log ends in `lastId`, commits, starts the TTL of the log,
   * and takes the next letter or makes the session idle or waiting. If none of `agents` (default: all)
   * answers the next letter, its turn begins with the owner `handedOver + instance`, for an instance
   * that has its agent.
   */
  finish(
    at: TurnAt & {
      /** The id of the last entry that the caller appended. */
      lastId: string
      /** The instance that owns the next turn. */
      instance: string
      /** The agents whose turns the instance runs. @defaultValue all */
      agents?: readonly string[]
    },
    commit: Commit,
  ): Promise<FinishReply>
  /**
   * Stores the message of a log that a new user message found waiting, and starts the TTL of the log. The
   * message goes into the history before the user message, or into the branch if the user message cut it.
   */
  settleAbandoned(
    at: TurnAt,
    commit: {
      /** The assistant message as it is now. */
      message: UIMessage
      /** The time for which the log can still be read, in milliseconds. */
      logTtlMs: number
      /** The cost of the message in all its turns. Absent if it is nothing. */
      spent?: Spending
    },
  ): Promise<'done' | 'lost'>
  /**
   * Claims a session whose owner is dead. Returns undefined if `claim` is not its claim any more, or if
   * the owner appended or claimed within the last `quietMs` milliseconds (default 0). A hand-over ignores
   * `quietMs`.
   */
  takeOver(
    sessionId: string,
    claim: number,
    options: {
      /** The new owner. */
      instance: string
      /** True if the owner handed the turn over. Then the takeover does not count as a death. */
      handOver: boolean
      /**
       * The time without an append or a claim after which the owner counts as dead, in
       * milliseconds. @defaultValue 0
       */
      quietMs?: number
    },
  ): Promise<Claim | undefined>
  /** Returns whether the session still has this claim and its turn runs. */
  owns(sessionId: string, claim: number): Promise<boolean>
  /**
   * Requests the stop of the running turn, and decides about the queue (default `run`). Returns false if
   * no turn runs, or another one than `logId`; `clear` withdraws the queue in this case too.
   */
  requestStop(
    sessionId: string,
    options: {
      /** The log of the turn to stop. @defaultValue the turn that runs */
      logId?: string
      /** The tenant to whom the session belongs; '' without authentication. */
      tenant: string
      /** The effect on the letters that wait. @defaultValue 'run' */
      queue?: QueueOnStop
    },
  ): Promise<boolean>
  /**
   * Stores a summary beside the history, in place of the last one. The summary is removed with the last
   * message that it replaces, when that message is cut, discarded or made again. `gone`: the history does
   * not contain that message.
   */
  saveSummary(
    at: {
      /** The id of the session. */
      sessionId: string
      /** The claim of the caller. The reply is `lost` if the session has another one. */
      claim: number
    },
    summary: Summary,
  ): Promise<'done' | 'gone' | 'lost'>
  /** Records the profile of a reader before its first frame, if it is lower than those recorded before. */
  noteReader(sessionId: string, logId: string, profile: ReaderFloor): Promise<void>
}

/**
 * The profiles of the readers of a log, the lowest first. `any` is a reader that declares no profile, so
 * it knows the fewest chunks. The store contains these names.
 */
export const readerFloors = ['any', 'v5', 'v6', 'v7'] as const

/** The lowest profile that a log was sent in. */
export type ReaderFloor = (typeof readerFloors)[number]

/** Whether `one` knows fewer chunks than `other`. */
export const isLowerFloor = (one: ReaderFloor, other: ReaderFloor): boolean =>
  readerFloors.indexOf(one) < readerFloors.indexOf(other)

/** Whether every reader of a log with this floor knows the chunks of `other`. */
export const isFloorAtLeast = (floor: ReaderFloor | undefined, other: ReaderFloor): boolean =>
  floor !== undefined && !isLowerFloor(floor, other)

/** A takeover of a turn whose owner had no heartbeat any more. */
export interface Takeover {
  /** In milliseconds by the clock of the store. */
  at: number
  /** The instance that owned the turn before. It may be alive after all. */
  from: string
}

/** The ownership of a turn. Its owner alone may append to the log and commit. */
export interface Claim {
  /** The id of the session. */
  sessionId: string
  /** In milliseconds; see the head of this file. */
  claim: number
  /** The id of the last log entry, which the claiming call appended: `<claim>-0`. */
  lastId: string
  /** The letter that the turn answers. */
  letter: Letter
  /** The id of the log. The assistant message that the log makes has the same id. */
  logId: string
  /** Whether an earlier claim began the log (a takeover, or a waiting message that continues). */
  resumed: boolean
  /** The log of a message that waited when a new user message came. The owner must settle it first. Absent if there is none. */
  abandoned?: string
  /** The last 20 takeovers of this turn, the oldest first. Hand-overs do not count. */
  takeovers: Takeover[]
  /** The stop that waits for the owner. Absent if there is none. */
  stop?: Stop
  /** The lowest profile that this log was sent in. Absent before its first reader. */
  floor?: ReaderFloor
  /**
   * Of a takeover: the time from the last append or claim of the earlier owner to this claim, in milliseconds.
   * A store may leave it out.
   */
  silentMs?: number
}

/** The effect of a stop on the turn: keep its text, or undo the turn. */
export type Stop = 'keep' | 'discard'

/** A turn and the claim of its caller. */
export interface TurnAt {
  /** The id of the session. */
  sessionId: string
  /** The claim of the caller. The reply is `lost` if the session has another one. */
  claim: number
  /** The id of the log. */
  logId: string
}

/** The outcome of a turn, as the store keeps it. */
export interface Commit {
  /** The assistant message as it is now. It is added to the history, or replaces the message with its id. */
  message?: UIMessage
  /** `waiting` keeps the log open. */
  state: 'idle' | 'waiting'
  /** The reason why the turn failed. Absent if it did not fail. */
  error?: string
  /** Removes the messages of the turns of this log from the history (rollback). `message` is then ignored. */
  discard?: boolean
  /** The time for which the finished log can still be read, in milliseconds. */
  logTtlMs: number
  /** The cost of the message in all its turns. It is added when the message is finished (`idle`), also if it is discarded. */
  spent?: Spending
}

/**
 * The owner of a turn is this text and the id of an instance, if that instance handed the turn over or
 * lacks the agent of the turn. Any instance that has the agent may take it at once.
 */
export const handedOver = 'handed-over:'

/**
 * The outcome of a commit. `done`: the store has it. `lost`: the session has another owner.
 * `behind`: the log does not end in `lastId`, because a failover lost entries; the call changed
 * nothing.
 */
export type FinishReply =
  /** `isLeft`: the next letter is for an agent that the caller lacks. It waits for another instance. */
  | {
      status: 'done'
      /** The claim of the next turn, which the caller must run. Absent if no letter waits for it. */
      next?: Claim
      /**
       * True if the next letter is for an agent that the caller lacks. It waits for another
       * instance.
       */
      isLeft?: true
    }
  | { status: 'lost' }
  /** The log does not end in the last entry of its owner: a failover lost it. The call changed nothing. */
  | { status: 'behind' }
