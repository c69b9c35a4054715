/** The calls that a session waits for, in their public form. */
import { textField } from '../ground/fields.ts'
import { toJson } from '../ground/json.ts'
import type { FoldedMessage, FoldedPart } from '../message-fold.ts'
import type { SessionRecord } from '../store/session.ts'
import type { Task } from '../store/task.ts'
import { toolNameOf } from './open-calls.ts'
import { pendingParts } from './pending-parts.ts'
import { type OpenCall, type SessionInfo, sessionInfo } from './session-info.ts'
import { publicId } from './tenant-ids.ts'

/** The public form of a record, with the calls for which it waits. */
export async function wholeSessionInfo(
  sessions: {
    partialAnswer: (sessionId: string, logId: string) => Promise<FoldedMessage>
    taskOf: (sessionId: string) => Promise<Pick<Task, 'agent' | 'parent'> | undefined>
  },
  session: SessionRecord,
): Promise<SessionInfo> {
  const { id, tenant, state, turn } = session
  const task = await sessions.taskOf(id)
  const info = {
    ...sessionInfo(session),
    ...(task !== undefined && { agent: task.agent, parentId: publicId(tenant, task.parent) }),
  }
  if (state !== 'waiting' || turn === undefined) return info
  const message = await sessions.partialAnswer(id, turn.logId)
  return { ...info, waitsFor: pendingParts(message).map(openCall) }
}

export function openCall(part: FoldedPart): OpenCall {
  const approvalId = textField(part['approval'], 'id')
  return {
    toolCallId: textField(part, 'toolCallId') ?? '',
    toolName: toolNameOf(part),
    input: toJson(part['input']),
    ...(approvalId !== undefined && { approvalId }),
  }
}
