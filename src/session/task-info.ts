/** The public form of a task. */
import type { FoldedMessage } from '../message-fold.ts'
import { costFields } from '../spending.ts'
import type { SessionRecord } from '../store/session.ts'
import type { TaskEntry } from '../store/task.ts'
import type { TaskInfo } from '../task.ts'
import { questionsIn } from './task-questions.ts'
import { publicId } from './tenant-ids.ts'

interface TaskState {
  /** Undefined if it has not begun. */
  session: SessionRecord | undefined
  /** The message that waits. */
  message: FoldedMessage | undefined
  tenant: string
  title: string
}

export function taskInfo(
  entry: TaskEntry,
  { session, message, tenant, title }: TaskState,
): TaskInfo {
  const { task, createdAt, spent } = entry
  const waitsFor = message === undefined || entry.state === 'ended' ? [] : questionsIn(message)
  return {
    id: publicId(tenant, task.id),
    parentId: publicId(tenant, task.parent),
    messageId: task.messageId,
    toolCallId: task.toolCallId,
    toolName: task.path.at(-1) ?? '',
    agent: task.agent,
    depth: task.path.length,
    background: task.background,
    title,
    state: stateOf(entry, session),
    ...(session?.error !== undefined && { error: session.error }),
    ...(waitsFor.length > 0 && { waitsFor }),
    createdAt,
    ...(spent !== undefined && { spent: { usage: spent.usage, ...costFields(spent) } }),
  }
}

function stateOf({ state }: TaskEntry, session: SessionRecord | undefined): TaskInfo['state'] {
  if (session === undefined) return state === 'ended' ? 'stopped' : 'queued'
  if (session.state === 'running') return 'running'
  if (session.state === 'waiting') return state === 'ended' ? 'stopped' : 'waiting'
  if (session.turn?.stop !== undefined) return 'stopped'
  if (session.error !== undefined) return 'failed'
  if (session.turn !== undefined) return 'finished'
  // Only a schedule has begun its session.
  return state === 'ended' ? 'stopped' : 'queued'
}
