/**
 * Logs in memory. An append is on the per-token path of a server without Redis: one look-up, one push,
 * and a promise that exists already. The log keeps the event objects that it receives.
 */
import {
  type AppendReply,
  compareIds,
  type LogEntry,
  type LogReader,
  type LogWriter,
} from '../log.ts'
import type { Hints } from './hints.ts'
import type { Log, MemorySession, MemoryTurn } from './session.ts'
import { isSteered } from './session.ts'
import type { SessionTable } from './sessions.ts'

const appendedReply: Promise<AppendReply> = Promise.resolve({ status: 'appended', steer: false })
const lostReply: Promise<AppendReply> = Promise.resolve({ status: 'lost' })

export function memoryLogs(
  sessions: SessionTable,
  hints: Hints,
  now: () => number,
): LogWriter & LogReader {
  const find = (session: MemorySession | undefined, logId: string): Log | undefined => {
    const log = session?.state === 'deleted' ? undefined : session?.logs.get(logId)
    return log?.until !== undefined && log.until <= now() ? undefined : log
  }

  return {
    append({ sessionId, claim, after }, entry) {
      const session = sessions.get(sessionId)
      const turn = session?.turn
      if (session?.state !== 'running' || turn?.claim !== claim) return lostReply
      const log = session.logs.get(turn.logId)
      if (log === undefined) return lostReply
      if (turn.lastId !== after) return outOfPlace(session, turn, entry)
      log.entries.push(entry)
      turn.lastId = entry.id
      turn.appendedAt = now()
      hints.give(sessionId, 'log')
      if (turn.stop === undefined && session.mailbox.length === 0) return appendedReply
      return Promise.resolve({ status: 'appended', ...intents(session, turn) })
    },

    async readLog(sessionId, logId, after, limit) {
      const log = find(sessions.get(sessionId), logId)
      if (log === undefined) return undefined
      const from = after === undefined ? 0 : indexAfter(log.entries, after)
      const entries = log.entries.slice(from, from + limit)
      return {
        entries,
        finished: log.until !== undefined && entries.length < limit,
        holdsAfter: after === undefined || log.entries[from - 1]?.id === after,
      }
    },

    async findLog(sessionId, id) {
      const session = sessions.get(sessionId)
      const logId = session?.claims.get(Number(id.split('-', 1)[0]))
      return logId !== undefined && find(session, logId) !== undefined ? logId : undefined
    },
  }
}

function outOfPlace(
  session: MemorySession,
  turn: MemoryTurn,
  entry: LogEntry,
): Promise<AppendReply> {
  if (compareIds(turn.lastId, entry.id) < 0) {
    return Promise.resolve({ status: 'behind', lastId: turn.lastId })
  }
  return Promise.resolve({ status: 'present', ...intents(session, turn) })
}

function intents(session: MemorySession, { stop }: MemoryTurn) {
  return { steer: isSteered(session), ...(stop !== undefined && { stop }) }
}

/** Searches from the end, because a reader is usually close to it. */
function indexAfter(entries: readonly LogEntry[], after: string): number {
  return entries.findLastIndex(({ id }) => id === after || compareIds(id, after) < 0) + 1
}
