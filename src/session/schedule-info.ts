/** Turns a stored schedule into its public form. */
import type { ScheduleInfo } from '../schedule.ts'
import type { Schedule } from '../store/schedule.ts'
import type { Task } from '../store/task.ts'

/** @param task the task of the session: its agent answers there, and its letters name the agent of the root */
export function scheduleInfo(
  schedule: Schedule,
  task: Pick<Task, 'agent'> | undefined,
): ScheduleInfo {
  const { id, rule, letter, occurrence, dueAt, createdAt } = schedule
  const { id: _id, ...message } = letter.message ?? { id: '', role: 'user' as const, parts: [] }
  return {
    id,
    dueAt,
    occurrence,
    ...(rule.kind === 'every' && { every: rule.everyMs }),
    ...(rule.kind === 'cron' && { cron: rule.cron, timeZone: rule.timeZone }),
    agent: task?.agent ?? letter.request.agent,
    message,
    createdAt,
  }
}
