/** Everything that the store has of one session, in its public form. */
import type { UIMessage } from 'ai'

import type { FoldedMessage } from '../message-fold.ts'
import type { ScheduleInfo } from '../schedule.ts'
import type { Sessions } from '../sessions.ts'
import type { Member } from '../store/member.ts'
import type { Branch, SessionRecord } from '../store/session.ts'
import { taskKey } from '../store/task.ts'
import type { TaskInfo } from '../task.ts'
import { scheduleInfo } from './schedule-info.ts'
import { type QueuedLetterInfo, queueInfo, type SessionInfo, sessionInfo } from './session-info.ts'

/** The data of a session or a task. */
export interface ExportedData {
  /** The history. */
  messages: UIMessage[]
  /** The answer that is not finished. Absent if none is. */
  unfinished?: FoldedMessage
  /** The messages that were cut. */
  branches: Branch[]
  /** The messages that wait. */
  queue: QueuedLetterInfo[]
  /** The messages of later times. */
  schedules: ScheduleInfo[]
  /** The context of the last message. Absent if there is none. */
  context?: unknown
  /** The summary of the first part of the history. Absent if there is none. */
  summary?: unknown
}

/** One session with its tasks. */
export interface ExportedSession extends ExportedData {
  /** The tenant. */
  tenant: string
  /** The subject to whom it belongs. Absent if it belongs to its whole tenant. */
  subject?: string
  /** The subjects with whom it is shared. */
  members: readonly Member[]
  /** The record, with its cost. */
  session: SessionInfo
  /** The tasks below it. */
  tasks: (TaskInfo & Partial<ExportedData>)[]
}

/** Returns undefined if the session is gone. */
export async function exportedSession(
  sessions: Sessions,
  id: string,
): Promise<ExportedSession | undefined> {
  const record = await sessions.session(id)
  if (record === undefined) return undefined
  const { tenant, subject, members = [] } = record
  const tasks: ExportedSession['tasks'] = []
  for (const task of await sessions.tasks(id, tenant)) {
    const ofTask = await sessions.session(`${id}~${taskKey(task.id) ?? ''}`)
    tasks.push({ ...task, ...(ofTask && (await dataOf(sessions, ofTask))) })
  }
  return {
    tenant,
    ...(subject !== undefined && { subject }),
    members,
    session: sessionInfo(record),
    ...(await dataOf(sessions, record)),
    tasks,
  }
}

async function dataOf(sessions: Sessions, record: SessionRecord): Promise<ExportedData> {
  const { id } = record
  const task = await sessions.taskOf(id)
  const { sessionContext, partialAnswer } = await sessions.promptState(record)
  const { context, summary } = sessionContext
  return {
    messages: await sessions.messages(id),
    ...(partialAnswer !== undefined && { unfinished: partialAnswer }),
    branches: await sessions.branches(id),
    queue: queueInfo(await sessions.queue(id)),
    schedules: (await sessions.schedules(id)).map((each) => scheduleInfo(each, task)),
    ...(context !== undefined && { context }),
    ...(summary !== undefined && { summary }),
  }
}
