/** The questions of a task in the message of the session above, and the answers that go down to the task. */
import type { AgentEvent } from '../event.ts'
import type { FoldedMessage, FoldedPart } from '../message-fold.ts'
import { isMirrored, mirroredId, mirroredIn, mirroredName } from '../mirrored-call.ts'
import type { Answer } from '../store/letter.ts'
import { openCall } from './awaited-calls.ts'
import { closingEvents } from './open-calls.ts'
import { pendingParts } from './pending-parts.ts'
import type { OpenCall } from './session-info.ts'

/** The task whose calls wait, and its message. */
export interface TaskMessage {
  taskKey: string
  /** The name of its agent. */
  agent: string
  message: FoldedMessage
}

/** The calls that a message waits for. */
export const questionsIn = (message: FoldedMessage): OpenCall[] =>
  pendingParts(message).map(openCall)

/** The events that add the questions of a task to the message above. Questions that it has are left out. */
export function questionEvents(
  above: FoldedMessage,
  { taskKey, agent, message }: TaskMessage,
): AgentEvent[] {
  return questionsIn(message).flatMap(({ toolCallId: below, toolName, input, approvalId }) => {
    const toolCallId = mirroredId(taskKey, below)
    if (above.parts.some((part) => part['toolCallId'] === toolCallId)) return []
    const name = mirroredName(agent, toolName)
    const call: AgentEvent[] = [
      { type: 'tool-input-available', toolCallId, toolName: name, input, dynamic: true },
    ]
    if (approvalId === undefined) return call
    const request = { approvalId: mirroredId(taskKey, approvalId), toolCallId }
    return [...call, { type: 'tool-approval-request', ...request }]
  })
}

/** Whether the message above has a question of a task, or a part of the progress of its call. */
export const hasBegun = (
  above: FoldedMessage,
  { taskKey, toolCallId }: { taskKey: string; toolCallId: string },
): boolean =>
  above.parts.some(
    (part) =>
      mirroredIn(part['toolCallId'])?.taskKey === taskKey ||
      (part['toolCallId'] === toolCallId && part['preliminary'] === true),
  )

/** The answers in the message above to questions that the task still waits for. */
export function answersBelow(
  above: FoldedMessage,
  { taskKey, message }: Pick<TaskMessage, 'taskKey' | 'message'>,
): Answer[] {
  return questionsIn(message).flatMap(({ toolCallId, approvalId }): Answer[] => {
    const part = above.parts.find((each) => each['toolCallId'] === mirroredId(taskKey, toolCallId))
    return part === undefined ? [] : answerIn(part, { toolCallId, approvalId })
  })
}

/**
 * The answers to questions in the message above that the task does not wait for any more, because it was
 * answered itself, or stopped.
 */
export function answersAbove(
  above: FoldedMessage,
  {
    taskKey,
    message,
    isEnded,
  }: Pick<TaskMessage, 'taskKey' | 'message'> & {
    /** Whether the task takes no answers any more. */
    isEnded: boolean
  },
): Answer[] {
  const open = new Set((isEnded ? [] : questionsIn(message)).map(({ toolCallId }) => toolCallId))
  return questionsIn(above).flatMap(({ toolCallId, approvalId }): Answer[] => {
    const below = mirroredIn(toolCallId)
    if (below?.taskKey !== taskKey || open.has(below.id)) return []
    const part = message.parts.find((each) => each['toolCallId'] === below.id)
    const answers = part === undefined ? [] : answerIn(part, { toolCallId, approvalId })
    if (answers.length > 0) return answers
    return approvalId === undefined
      ? [{ type: 'output-error', toolCallId, errorText: 'Not answered.' }]
      : [{ type: 'approval', approvalId, approved: false }]
  })
}

/** The events that give the approved and denied calls of a task in the message above their outcomes. */
export function outcomeEvents(
  above: FoldedMessage,
  { taskKey, message }: Pick<TaskMessage, 'taskKey' | 'message'>,
): AgentEvent[] {
  return above.parts.flatMap((part): AgentEvent[] => {
    const below = mirroredIn(part['toolCallId'])
    if (below?.taskKey !== taskKey || part['state'] !== 'approval-responded') return []
    const call = { toolCallId: String(part['toolCallId']), dynamic: true }
    const own = message.parts.find((each) => each['toolCallId'] === below.id)
    switch (own?.['state']) {
      case 'output-available':
        return own['preliminary'] === true
          ? []
          : [{ type: 'tool-output-available', output: own['output'], ...call }]
      case 'output-error':
        return [{ type: 'tool-output-error', errorText: String(own['errorText']), ...call }]
      case 'output-denied':
        return [{ type: 'tool-output-denied', ...call }]
      default:
        return []
    }
  })
}

/** The events that close the questions of all tasks in a message that ends. */
export const closingQuestions = (message: FoldedMessage): AgentEvent[] =>
  closingEvents(
    { ...message, parts: message.parts.filter(isMirrored) },
    { output: 'Not answered.', decision: 'Not answered.', execution: 'The task has ended.' },
  )

function answerIn(
  part: FoldedPart,
  { toolCallId, approvalId }: { toolCallId: string; approvalId: string | undefined },
): Answer[] {
  const approval = approvalOf(part)
  if (approvalId !== undefined) {
    if (approval?.approved === undefined) return []
    const { approved, reason } = approval
    return [{ type: 'approval', approvalId, approved, ...(reason !== undefined && { reason }) }]
  }
  if (part['state'] === 'output-available' && part['preliminary'] !== true) {
    return [{ type: 'output', toolCallId, output: part['output'] }]
  }
  if (part['state'] !== 'output-error') return []
  return [{ type: 'output-error', toolCallId, errorText: String(part['errorText']) }]
}

function approvalOf({ approval }: FoldedPart) {
  if (typeof approval !== 'object' || approval === null || !('id' in approval)) return undefined
  return {
    id: String(approval.id),
    approved:
      'approved' in approval && typeof approval.approved === 'boolean'
        ? approval.approved
        : undefined,
    reason:
      'reason' in approval && typeof approval.reason === 'string' ? approval.reason : undefined,
  }
}
