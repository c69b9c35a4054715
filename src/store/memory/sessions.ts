/**
 * The sessions of this process, the last written last; what has an end is dropped by one timer. A
 * session that runs or waits is never dropped to make room.
 */
import type { MemorySession } from './session.ts'

export interface SessionTable {
  get(id: string): MemorySession | undefined
  /** Counts as a write. */
  put(session: MemorySession): void
  all(): Iterable<MemorySession>
  /** The log is readable until then. */
  expireLog(session: MemorySession, logId: string, until: number): void
  close(): void
}

export interface TableOptions {
  now: () => number
  sessionTtlMs: number
  sessionsMax: number
  /** Entries of finished logs; beyond that the oldest of these logs go before their time. */
  finishedEntriesMax: number
}

interface Kept {
  session: MemorySession
  until: number
}

interface FinishedLog {
  session: MemorySession
  logId: string
  until: number
  size: number
}

/** What has ended is looked for this often; a log that has ended is not given out before either. */
const sweepEveryMs = 5000

export function createSessionTable(options: TableOptions): SessionTable {
  const { now, sessionTtlMs, sessionsMax, finishedEntriesMax } = options
  const sessions = new Map<string, Kept>()
  /** Finished ones, in the order in which they were. */
  let logs: FinishedLog[] = []
  let finishedEntries = 0
  let timer: NodeJS.Timeout | undefined

  // A turn may take longer than a session lives after its last use.
  const isOver = ({ session, until }: Kept) => until <= now() && session.state !== 'running'

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

  /** Not one that was gone on with since: it will be finished anew. */
  function drop({ session, logId, until, size }: FinishedLog): void {
    finishedEntries -= size
    if (session.logs.get(logId)?.until === until) session.logs.delete(logId)
  }

  function makeRoom(written: MemorySession): void {
    if (sessions.size <= sessionsMax) return
    for (const [id, { session }] of sessions) {
      const isBusy = session.state === 'running' || session.state === 'waiting'
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
      // To the end: a map keeps the order in which its keys came.
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
