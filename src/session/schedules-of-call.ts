/** The schedules of a session as its tools use them. The tools of a task have none. */
import { late } from '../ground/late.ts'
import type { CallSchedules } from '../schedule.ts'
import { scheduleInfo } from './schedule-info.ts'
import type { Schedules } from './schedules.ts'

/** The session of a turn, and the agent that answers its scheduled messages. */
export interface CallSession {
  sessionId: string
  tenant: string
  agent: string
}

/** It reads the schemas of messages, which most turns do not need. */
const letters = late(() => import('./scheduled-letter.ts'))

export function callSchedules(
  open: () => Promise<Schedules>,
  { sessionId, tenant, agent }: CallSession,
): CallSchedules {
  return {
    async add(time, message, id) {
      const { scheduledLetter } = await letters()
      const letter = await scheduledLetter(message, { request: { agent }, fileUrls: 'public' })
      const schedules = await open()
      const added = await schedules.add(sessionId, { id, time, letter }, { tenant, agent })
      return scheduleInfo(added.schedule, undefined)
    },
    list: async () =>
      (await (await open()).list(sessionId)).map((schedule) => scheduleInfo(schedule, undefined)),
    remove: async (id) => (await open()).remove(sessionId, id, tenant),
  }
}
