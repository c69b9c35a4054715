/** Reads logs in Redis. */
import { LoomError } from '../../ground/error.ts'
import type { HintSource } from '../hint.ts'
import type { LogEntry, LogReader } from '../log.ts'
import type { Connection } from './connection.ts'
import { channelOf, escaped, logKey, sessionKeys, unescaped } from './keys.ts'
import { readInSteps } from './stored-letter.ts'
import type { Subscriptions } from './subscriptions.ts'

export function redisLogs(
  connection: Connection,
  subscriptions: Subscriptions,
): LogReader & HintSource {
  const read = (sessionId: string, logId: string, after: string | undefined, limit: number) =>
    connection.read(
      'read-log',
      { ...sessionKeys(sessionId), log: logKey(sessionId, logId) },
      { logId: escaped(logId), after: after ?? '', limit },
    )

  return {
    async readLog(sessionId, logId, after, limit) {
      const { status, holdsAfter, entries } = await read(sessionId, logId, after, limit)
      if (status === '') return undefined
      if (status === 'later') throw laterEntry()
      return {
        entries: await entriesIn(entries),
        finished: status === 'finished',
        holdsAfter: holdsAfter === '1',
      }
    },

    async findLog(sessionId, id) {
      const claim = id.split('-', 1)[0] ?? ''
      const { claims } = sessionKeys(sessionId)
      const [found] = await connection.send((client) => client.zrangebyscore(claims, claim, claim))
      if (found === undefined) return undefined
      const logId = unescaped(found.slice(claim.length + 1))
      const { status } = await read(sessionId, logId, undefined, 1)
      return status === '' ? undefined : logId
    },

    watch: (sessionId, topic, hint) => subscriptions.add(channelOf(sessionId, topic), hint),
  }
}

const laterEntry = () =>
  new LoomError(
    'unavailable',
    'A later version of Loom wrote this log, and this version does not know its form. Send the request again: an instance of that version answers it.',
  )

/** Reads a list of ids and events in turn. */
async function entriesIn(rows: readonly string[]): Promise<LogEntry[]> {
  const texts = rows.filter((_, index) => index % 2 === 1)
  const events = await readInSteps(texts, (text): LogEntry['events'] => JSON.parse(text))
  return events.map((each, index) => ({ id: rows[index * 2] ?? '', events: each }))
}
