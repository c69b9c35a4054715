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
}

/** What has ended is looked for this often; a log that has ended is not given out before either. */
const sweepEveryMs = 5000

export function createSessionTable({ now, sessionTtlMs, sessionsMax }: TableOptions): SessionTable {
  const sessions = new Map<string, { session: MemorySession; until: number }>()
  let logs: { session: MemorySession; logId: string; until: number }[] = []
  let timer: NodeJS.Timeout | undefined

  const arm = () => {
    timer ??= setTimeout(sweep, sweepEveryMs).unref()
  }

  function sweep(): void {
    timer = undefined
    const time = now()
    for (const { session, logId } of logs.filter(({ until }) => until <= time)) {
      const log = session.logs.get(logId)
      if (log?.until !== undefined && log.until <= time) session.logs.delete(logId)
    }
    logs = logs.filter(({ until }) => until > time)
    for (const [id, { until }] of sessions) {
      if (until > time) break
      sessions.delete(id)
    }
    if (sessions.size > 0) arm()
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
      return entry !== undefined && entry.until > now() ? entry.session : undefined
    },
    put(session) {
      // To the end: a map keeps the order in which its keys came.
      sessions.delete(session.id)
      sessions.set(session.id, { session, until: now() + sessionTtlMs })
      makeRoom(session)
      arm()
    },
    *all() {
      for (const { session } of sessions.values()) yield session
    },
    expireLog(session, logId, until) {
      const log = session.logs.get(logId)
      if (log === undefined) return
      log.until = until
      logs.push({ session, logId, until })
    },
    close() {
      clearTimeout(timer)
      sessions.clear()
      logs = []
    },
  }
}
