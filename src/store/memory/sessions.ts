/**
 * The sessions of this process, in the order of their last writes. One timer drops expired sessions and
 * logs. A session that runs, waits or has schedules is never dropped to make room. A tree of tasks is dropped
 * whole: its sessions leave with their root, and a use of a task is a use of its root.
 */
import { isTaskId, rootOf } from '../task.ts'
import { bytesOf, type MemorySession } from './session.ts'
import { StorageSums } from './storage.ts'
import { Trees } from './trees.ts'

export interface SessionTable {
  get(id: string): MemorySession | undefined
  /** Stores the session. This counts as a write. */
  put(session: MemorySession): void
  all(): Iterable<MemorySession>
  /** What each owner stores. */
  readonly sums: StorageSums
  /** Makes the log readable until this time. */
  expireLog(session: MemorySession, logId: string, until: number): void
  /** Removes a session with its tasks. Returns the number of records that it removed. */
  forget(id: string): number
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
  /** Of a task. A look-up is on the per-token path, so it searches no id for its root. */
  rootId: string | undefined
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
  /** The sessions that are no tasks. */
  const sessions = new Map<string, TableEntry>()
  const tasks = new Map<string, TableEntry>()
  const trees = new Trees()
  const sums = new StorageSums()
  /** The finished logs, the first finished one first. */
  let logs: FinishedLog[] = []
  let finishedEntries = 0
  let timer: NodeJS.Timeout | undefined

  // A turn may take longer than a session lives after its last use, and a schedule may be due later.
  const isKept = ({ state, schedules }: MemorySession) => state === 'running' || schedules.size > 0
  const isBusy = (session: MemorySession) => isKept(session) || session.state === 'waiting'

  function isOver({ session, until, rootId }: TableEntry): boolean {
    if (rootId !== undefined) {
      const root = sessions.get(rootId)
      return root === undefined || isOver(root) || (until <= now() && !isKept(session))
    }
    return until <= now() && !isKept(session) && !hasTask(session.id, isKept)
  }

  function hasTask(rootId: string, fits: (task: MemorySession) => boolean): boolean {
    for (const id of trees.tasksOf(rootId)) {
      const task = tasks.get(id)
      if (task !== undefined && fits(task.session)) return true
    }
    return false
  }

  /** Deletes a session and its tasks. */
  function forget(id: string): void {
    for (const task of trees.tasksOf(id)) forgetTask(task)
    sessions.delete(id)
    sums.note(id, undefined)
  }

  function forgetTask(id: string): void {
    tasks.delete(id)
    trees.delete(id)
    sums.note(id, undefined)
  }

  function noteSum(session: MemorySession): void {
    const { id, tenant, subject, state } = session
    const owner = { tenant, ...(subject !== undefined && { subject }), bytes: bytesOf(session) }
    sums.note(id, state === 'deleted' ? undefined : owner)
  }

  const entryOf = (id: string) => sessions.get(id) ?? tasks.get(id)

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
      if (isOver(entry)) forget(id)
    }
    for (const [id, entry] of tasks) {
      if (entry.until > time) break
      if (isOver(entry)) forgetTask(id)
    }
    if (sessions.size > 0) arm()
  }

  /** Keeps a log that another turn has continued since: that turn will finish it again. */
  function drop({ session, logId, until, size }: FinishedLog): void {
    finishedEntries -= size
    if (session.logs.get(logId)?.until === until) session.logs.delete(logId)
  }

  function makeRoom(written: MemorySession): void {
    if (sessions.size + tasks.size <= sessionsMax) return
    const writtenId = rootOf(written.id)
    for (const [id, { session }] of sessions) {
      if (isBusy(session) || id === writtenId || hasTask(id, isBusy)) continue
      forget(id)
      if (sessions.size + tasks.size <= sessionsMax) return
    }
  }

  return {
    sums,
    get(id) {
      const entry = entryOf(id)
      return entry === undefined || isOver(entry) ? undefined : entry.session
    },
    put(session) {
      // Moves it to the end, because a map keeps the order of insertion.
      const until = now() + sessionTtlMs
      const renew = (table: typeof sessions, entry: TableEntry) => {
        table.delete(entry.session.id)
        table.set(entry.session.id, entry)
      }
      const rootId = isTaskId(session.id) ? rootOf(session.id) : undefined
      const root = rootId === undefined ? undefined : sessions.get(rootId)
      renew(rootId === undefined ? sessions : tasks, { session, until, rootId })
      trees.add(session.id)
      noteSum(session)
      if (root !== undefined) renew(sessions, { ...root, until })
      makeRoom(session)
      arm()
    },
    *all() {
      for (const entry of sessions.values()) if (!isOver(entry)) yield entry.session
      for (const entry of tasks.values()) if (!isOver(entry)) yield entry.session
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
    forget(id) {
      const ids = new Set([id, ...trees.tasksOf(id)].filter((each) => entryOf(each) !== undefined))
      // A finished log holds its session until its time.
      const isTheirs = ({ session }: FinishedLog) => ids.has(session.id)
      for (const log of logs.filter(isTheirs)) drop(log)
      logs = logs.filter((log) => !isTheirs(log))
      forget(id)
      return ids.size
    },
    close() {
      clearTimeout(timer)
      for (const id of sessions.keys()) forget(id)
      logs = []
      finishedEntries = 0
    },
  }
}
