/**
 * The log of a turn: its entries in order. The id of an entry is `<claim>-<seq>`. A claim begins with
 * the empty entry of seq 0, so that the log itself refuses entries of the earlier owner.
 */
import type { LogEvent } from '../event.ts'
import type { Stop } from './turn.ts'

/** Writes logs. This is the per-token path. */
export interface LogWriter {
  /**
   * Appends one entry under `claim`, directly after `after`, and gives a hint to the readers. It may be
   * repeated, because the id of the entry identifies it.
   */
  append(at: AppendAt, entry: LogEntry): Promise<AppendReply>
}

/** Reads logs. */
export interface LogReader {
  /**
   * Returns at most `limit` entries after `after` (from the start if `after` is undefined). Returns
   * undefined if the log does not exist (any more).
   */
  readLog(
    sessionId: string,
    logId: string,
    after: string | undefined,
    limit: number,
  ): Promise<LogPage | undefined>
  /**
   * Returns the id of the log that contains, or would contain, the entry `id`. Returns undefined if no
   * log does (any more).
   */
  findLog(sessionId: string, id: string): Promise<string | undefined>
}

/** An entry of a log: the events of one append. */
export interface LogEntry {
  /** The id, `<claim>-<seq>`. It grows with every entry. */
  id: string
  /** The events, in order. The entry that begins a claim has none. */
  events: readonly LogEvent[]
}

/** The place of an append: the turn, the claim of the caller, and the entry before. */
export interface AppendAt {
  /** The id of the session. */
  sessionId: string
  /** The claim of the caller. The reply is `lost` if the session has another one. */
  claim: number
  /** The id of the log. */
  logId: string
  /** The id of the entry that this owner appended before. */
  after: string
}

/** The requests that wait for the owner of a turn. Every reply to an append carries them. */
export interface Intents {
  /** The stop that waits for the owner. Absent if there is none. */
  stop?: Stop
  /** Whether letters for the running turn wait in the mailbox. */
  steer: boolean
}

/**
 * The outcome of an append. `appended`: the log has the entry. `present`: the log had it already,
 * because the command was repeated. `lost`: the session has another owner, so the caller must stop
 * its turn. `behind`: a failover lost the entries after `lastId`, so the caller appends them again.
 */
export type AppendReply =
  | ({ status: 'appended' } & Intents)
  /** The log has this entry already: the command was repeated. */
  | ({ status: 'present' } & Intents)
  /** The session has another owner, or the log does not exist any more. The caller must stop its turn. */
  | { status: 'lost' }
  /** The last entry of the log is an earlier one of this claim: a failover lost the entries after it. */
  | {
      status: 'behind'
      /** The id of the last entry of the log. */
      lastId: string
    }

/** Consecutive entries of a log. */
export interface LogPage {
  /** The entries, in order. */
  entries: LogEntry[]
  /** Whether the log is complete and no entry follows these. A full page is never the last one. */
  finished: boolean
  /**
   * Whether the log contains `after` itself; true if `after` is undefined. If the log lacks this entry
   * and contains later ones, a failover lost it. Then the later entries do not continue it.
   */
  holdsAfter: boolean
}

/** Compares the ids of two log entries. Returns a negative number if `a` comes before `b`. */
export function compareIds(a: string, b: string): number {
  const [claimA = 0, seqA = 0] = a.split('-').map(Number)
  const [claimB = 0, seqB = 0] = b.split('-').map(Number)
  return claimA - claimB || seqA - seqB
}
