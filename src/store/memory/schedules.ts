/** Schedules in memory: those of each session, and the index of due sessions. */
import { mayWrite } from '../member.ts'
import { type DueIndex, isSameSchedule, type Schedule, type SessionSchedules } from '../schedule.ts'
import { isTaskId } from '../task.ts'
import { createSession, sharedOf } from './session.ts'
import { hasTask } from './tasks.ts'
import type { World } from './turns.ts'

export function memorySchedules({ sessions, now, nextUse }: World): SessionSchedules {
  const owned = (sessionId: string, tenant: string) => {
    const session = sessions.get(sessionId)
    return session?.tenant === tenant && session.state !== 'deleted' ? session : undefined
  }
  return {
    async addSchedule(sessionId, schedule, { tenant, subject, writer, agent, schedulesMax }) {
      const existing = sessions.get(sessionId)
      if (isTaskId(sessionId) && !hasTask(sessions, sessionId)) return 'gone'
      const isThere = existing !== undefined && existing.state !== 'deleted'
      const isForeign =
        isThere && (existing.tenant !== tenant || !mayWrite(sharedOf(existing), writer))
      if (isForeign) return 'foreign'
      const session = isThere
        ? existing
        : createSession({ id: sessionId, tenant, subject, agent, at: now(), former: existing })
      const same = session.schedules.get(schedule.id)
      if (same !== undefined) return isSameSchedule(same, schedule) ? 'known' : 'taken'
      if (session.schedules.size >= schedulesMax) return 'full'
      if (!isThere) session.usedAt = nextUse()
      session.schedules = new Map([...session.schedules, [schedule.id, schedule]])
      sessions.put(session)
      return 'added'
    },

    async schedules(sessionId) {
      return inOrder(sessions.get(sessionId)?.schedules.values() ?? [])
    },

    async advanceSchedule(sessionId, { id, occurrence }, next) {
      const session = sessions.get(sessionId)
      const schedule = session?.schedules.get(id)
      if (session === undefined || schedule?.occurrence !== occurrence) return false
      const schedules = new Map(session.schedules)
      if (next === undefined) schedules.delete(id)
      else schedules.set(id, { ...schedule, ...next })
      session.schedules = schedules
      sessions.put(session)
      return true
    },

    async removeSchedule(sessionId, id, { tenant }) {
      const session = owned(sessionId, tenant)
      if (session === undefined || !session.schedules.has(id)) return false
      const schedules = new Map(session.schedules)
      schedules.delete(id)
      session.schedules = schedules
      sessions.put(session)
      return true
    },
  }
}

const inOrder = (schedules: Iterable<Schedule>): Schedule[] =>
  [...schedules].sort((a, b) => a.dueAt - b.dueAt || (a.id < b.id ? -1 : 1))

/** @param times the sessions that are due at a time already */
export function memoryDueIndex(
  now: () => number,
  times: Iterable<[sessionId: string, dueAt: number]> = [],
): DueIndex {
  const dueTimes = new Map(times)
  return {
    async time() {
      return now()
    },
    async noteDue(sessionId, dueAt) {
      const before = dueTimes.get(sessionId) ?? Infinity
      // The earlier time may be the end of a lease. It changes a little, so that `settleDue` does not remove it.
      dueTimes.set(sessionId, before > dueAt ? dueAt : before - 0.001)
    },
    async takeDue({ limit, leaseMs }) {
      const time = now()
      const leasedUntil = time + leaseMs
      const due = [...dueTimes].filter(([, at]) => at <= time).sort(([, a], [, b]) => a - b)
      const taken = due.slice(0, limit).map(([sessionId]) => sessionId)
      for (const sessionId of taken) dueTimes.set(sessionId, leasedUntil)
      const nextAt = Math.min(...dueTimes.values())
      return {
        sessionIds: taken,
        leasedUntil,
        now: time,
        ...(Number.isFinite(nextAt) && { nextAt }),
      }
    },
    async settleDue(sessionId, leasedUntil, dueAt) {
      if (dueTimes.get(sessionId) !== leasedUntil) return
      if (dueAt === undefined) dueTimes.delete(sessionId)
      else dueTimes.set(sessionId, dueAt)
    },
  }
}
