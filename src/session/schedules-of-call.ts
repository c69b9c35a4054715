/** The schedules of a session as its tools use them. */
import type { CallSchedules } from '../schedule.ts'
import { scheduleInfo } from './schedule-info.ts'
import { scheduledLetter } from './scheduled-letter.ts'
import type { Schedules } from './schedules.ts'
import type { TurnScheduleOwner } from './turn-world.ts'

export function callSchedules(
  schedules: Schedules,
  { sessionId, tenant, agent }: TurnScheduleOwner,
): CallSchedules {
  return {
    async add(time, message, id) {
      const letter = await scheduledLetter(message, { request: { agent }, fileUrls: 'public' })
      const added = await schedules.add(sessionId, { id, time, letter }, { tenant, agent })
      return scheduleInfo(added.schedule)
    },
    list: async () => (await schedules.list(sessionId)).map(scheduleInfo),
    remove: (id) => schedules.remove(sessionId, id, tenant),
  }
}
