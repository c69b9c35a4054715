/**
 * The log of a turn: its entries in order. The id of an entry is `<claim>-<seq>`. A claim begins with
 * the empty entry of seq 0, so that the log itself shuts out the owner before it.
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

export interface LogEntry {
  id: string
  events: readonly LogEvent[]
}

export interface AppendAt {
  sessionId: string
  claim: number
  logId: string
  /** The id of the entry that this owner appended before. */
  after: string
}

/** The requests that wait for the owner of a turn. Every reply to an append carries them. */
export interface Intents {
  stop?: Stop
  /** Whether letters for the running turn wait in the mailbox. */
  steer: boolean
}

export type AppendReply =
  | ({ status: 'appended' } & Intents)
  /** The log has this entry already: the command was repeated. */
  | ({ status: 'present' } & Intents)
  /** The session has another owner, or the log does not exist any more. The caller must stop its turn. */
  | { status: 'lost' }
  /** The last entry of the log is an earlier one of this claim: a failover lost the entries after it. */
  | { status: 'behind'; lastId: string }

export interface LogPage {
  entries: LogEntry[]
  /** Whether the log is complete and no entry follows these. A full page is never the last one. */
  finished: boolean
  /**
   * Whether the log contains `after` itself; true if `after` is undefined. If the log lacks this entry
   * and contains later ones, a failover lost it. Then the later entries do not continue it.
   */
  holdsAfter: boolean
}
