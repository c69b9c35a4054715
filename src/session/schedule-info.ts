/** Turns a stored schedule into its public form. */
import type { ScheduleInfo } from '../schedule.ts'
import type { Schedule } from '../store/schedule.ts'

export function scheduleInfo(schedule: Schedule): ScheduleInfo {
  const { id, rule, letter, occurrence, dueAt, createdAt } = schedule
  const { id: _id, ...message } = letter.message ?? { id: '', role: 'user' as const, parts: [] }
  return {
    id,
    dueAt,
    occurrence,
    ...(rule.kind === 'every' && { every: rule.everyMs }),
    ...(rule.kind === 'cron' && { cron: rule.cron, timeZone: rule.timeZone }),
    agent: letter.request.agent,
    message,
    createdAt,
  }
}
