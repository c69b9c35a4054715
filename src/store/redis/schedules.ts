/**
 * Schedules in Redis: those of a session in its slot, and the index of due sessions in the slot of the
 * instances. The index is only a hint.
 */
import type { Schedule, ScheduleRule, ScheduleStore } from '../schedule.ts'
import type { Connection } from './connection.ts'
import { callKeys, dueKey, escaped, rootTasksKey, sessionKeys, unescaped } from './keys.ts'
import type { Limits } from './limits.ts'
import { noteUse } from './list.ts'
import { wordOf } from './records.ts'
import { noteAgent } from './retention.ts'
import { renewSegments } from './shared-messages.ts'
import { noteSize } from './storage.ts'
import { letterIn, letterText, readInSteps } from './stored-letter.ts'
import { keyOf } from './tasks.ts'

/** The TTL of the index after its last use or its last time, in milliseconds. */
const keptMs = 30 * 24 * 60 * 60 * 1000

export function redisSchedules(connection: Connection, limits: Limits): ScheduleStore {
  const due = dueKey
  return {
    async addSchedule(sessionId, schedule, { tenant, agent, schedulesMax, ...author }) {
      const { id, occurrence, dueAt, letter } = schedule
      const [head, text] = [
        `${headOf(schedule)}\n`,
        await letterText(letter, { agent: letter.request.agent }),
      ]
      const { subject = '', writer = '', listedFor = subject === '' ? [] : [subject] } = author
      noteUse(connection, limits, { tenant, sessionId, subjects: listedFor })
      noteAgent(connection, limits, { agent, sessionId })
      const rootTasks = rootTasksKey(sessionId)
      const keys = { ...callKeys('add-schedule', sessionId), rootTasks }
      const { status, shared, size } = await connection.run('add-schedule', keys, {
        ...limits,
        tenant: escaped(tenant),
        subject: escaped(subject),
        writer: escaped(writer),
        agent,
        task: keyOf(sessionId),
        schedulesMax,
        id: escaped(id),
        occurrence,
        dueAt,
        content: contentOf(schedule),
        schedule: typeof text === 'string' ? head + text : Buffer.concat([Buffer.from(head), text]),
        seed: [],
      })
      renewSegments(connection, limits, { sessionId, shared })
      if (size !== '') noteSize(connection, sessionId, size)
      return wordOf(status, ['added', 'known', 'taken', 'full', 'foreign', 'gone'] as const)
    },

    async schedules(sessionId) {
      const { schedules } = await connection.read('read-schedules', sessionKeys(sessionId), {})
      const rows = Array.from({ length: schedules.length / 3 }, (_, index) =>
        schedules.slice(index * 3, index * 3 + 3),
      )
      const read: Schedule[] = []
      for (const [id = '', dueAt = '', text = ''] of rows) {
        const [schedule] = await readInSteps([text], (text) =>
          scheduleIn(text, { id: unescaped(id), dueAt: Number(dueAt) }),
        )
        if (schedule !== undefined) read.push(schedule)
      }
      return read
    },

    async advanceSchedule(sessionId, { id, occurrence }, next) {
      const keys = callKeys('advance-schedule', sessionId)
      const { done, shared } = await connection.run('advance-schedule', keys, {
        ...limits,
        id: escaped(id),
        occurrence,
        next: next?.occurrence ?? '',
        dueAt: next?.dueAt ?? '',
      })
      renewSegments(connection, limits, { sessionId, shared })
      return done === '1'
    },

    async removeSchedule(sessionId, id, { tenant }) {
      const keys = callKeys('remove-schedule', sessionId)
      const args = { ...limits, tenant: escaped(tenant), id: escaped(id) }
      return (await connection.run('remove-schedule', keys, args)).done === '1'
    },

    async time() {
      const [seconds, micros] = await connection.send((client) => client.time())
      return Number(seconds) * 1000 + Math.floor(Number(micros) / 1000)
    },

    async noteDue(sessionId, dueAt) {
      await connection.run('note-due', { due }, { keptMs, session: escaped(sessionId), dueAt })
    },

    async takeDue({ limit, leaseMs }) {
      const reply = await connection.run('take-due', { due }, { keptMs, limit, leaseMs })
      const { now, leasedUntil, nextAt, sessions } = reply
      return {
        sessionIds: sessions.map(unescaped),
        now: Number(now),
        leasedUntil: Number(leasedUntil),
        ...(nextAt !== '' && { nextAt: Number(nextAt) }),
      }
    },

    async settleDue(sessionId, leasedUntil, dueAt) {
      const session = escaped(sessionId)
      await connection.run('settle-due', { due }, { session, leasedUntil, dueAt: dueAt ?? '' })
    },
  }
}

/** The second line of a stored schedule. Two schedules with one id are the same if it is the same. */
const contentOf = ({ rule, letter }: Schedule) => `${JSON.stringify(rule)} ${letter.digest ?? ''}`

const headOf = ({ rule, createdAt }: Schedule) => JSON.stringify({ rule, createdAt })

/** The lines of a stored schedule: its occurrence, its content, its head, and its letter. */
function scheduleIn(
  text: string,
  { id, dueAt }: Pick<Schedule, 'id' | 'dueAt'>,
): Schedule | undefined {
  const [occurrence = '', , head = '', ...letter] = text.split('\n')
  if (head === '') return undefined
  const { rule, createdAt }: { rule: ScheduleRule; createdAt: number } = JSON.parse(head)
  return {
    id,
    rule,
    letter: letterIn(letter.join('\n')),
    occurrence: Number(occurrence),
    dueAt,
    createdAt,
  }
}
