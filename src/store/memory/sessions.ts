/**
 * The sessions of this process, in the order of their last writes. One timer drops expired sessions and
 * logs. A session that runs, waits or has schedules is never dropped to make room.
 */
import type { MemorySession } from './session.ts'

export interface SessionTable {
  get(id: string): MemorySession | undefined
  /** Stores the session. This counts as a write. */
  put(session: MemorySession): void
  all(): Iterable<MemorySession>
  /** Makes the log readable until this time. */
  expireLog(session: MemorySession, logId: string, until: number): void
  close(): void
}

export interface TableOptions {
  now: () => number
  sessionTtlMs: number
  sessionsMax: number
  /** The maximum number of entries of finished logs. Above it, the oldest logs are dropped before their time. */
  finishedEntriesMax: number
}

interface TableEntry {
  session: MemorySession
  until: number
}

interface FinishedLog {
  session: MemorySession
  logId: string
  until: number
  size: number
}

/** The interval of the search for expired data. No reader gets an expired log before that either. */
const sweepEveryMs = 5000

export function createSessionTable(options: TableOptions): SessionTable {
  const { now, sessionTtlMs, sessionsMax, finishedEntriesMax } = options
  const sessions = new Map<string, TableEntry>()
  /** The finished logs, the first finished one first. */
  let logs: FinishedLog[] = []
  let finishedEntries = 0
  let timer: NodeJS.Timeout | undefined

  // A turn may take longer than a session lives after its last use, and a schedule may be due later.
  const isOver = ({ session, until }: TableEntry) =>
    until <= now() && session.state !== 'running' && session.schedules.size === 0

  const arm = () => {
    timer ??= setTimeout(sweep, sweepEveryMs).unref()
  }

  function sweep(): void {
    timer = undefined
    const time = now()
    logs.filter(({ until }) => until <= time).forEach(drop)
    logs = logs.filter(({ until }) => until > time)
    for (const [id, entry] of sessions) {
      if (entry.until > time) break
      if (isOver(entry)) sessions.delete(id)
    }
    if (sessions.size > 0) arm()
  }

  /** Keeps a log that another turn has continued since: that turn will finish it again. */
  function drop({ session, logId, until, size }: FinishedLog): void {
    finishedEntries -= size
    if (session.logs.get(logId)?.until === until) session.logs.delete(logId)
  }

  function makeRoom(written: MemorySession): void {
    if (sessions.size <= sessionsMax) return
    for (const [id, { session }] of sessions) {
      const isBusy =
        session.state === 'running' || session.state === 'waiting' || session.schedules.size > 0
      if (isBusy || session === written) continue
      sessions.delete(id)
      return
    }
  }

  return {
    get(id) {
      const entry = sessions.get(id)
      return entry === undefined || isOver(entry) ? undefined : entry.session
    },
    put(session) {
      // Moves it to the end, because a map keeps the order of insertion.
      sessions.delete(session.id)
      sessions.set(session.id, { session, until: now() + sessionTtlMs })
      makeRoom(session)
      arm()
    },
    *all() {
      for (const entry of sessions.values()) if (!isOver(entry)) yield entry.session
    },
    expireLog(session, logId, until) {
      const log = session.logs.get(logId)
      if (log === undefined) return
      const size = log.entries.length
      log.until = until
      logs.push({ session, logId, until, size })
      finishedEntries += size
      while (finishedEntries > finishedEntriesMax && logs.length > 1) {
        const [oldest] = logs.splice(0, 1)
        if (oldest !== undefined) drop(oldest)
      }
    },
    close() {
      clearTimeout(timer)
      sessions.clear()
      logs = []
      finishedEntries = 0
    },
  }
}
