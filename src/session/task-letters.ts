/** The letters of a task: its first one, those that restart it, and its result for the parent. */
import type { JSONObject } from '@ai-sdk/provider'

import { type FoldedMessage, lastTextOf, outputIn } from '../message-fold.ts'
import type { Letter, LetterRequest, QueueOnStop } from '../store/letter.ts'
import type { TurnRecord } from '../store/session.ts'
import { type Task, taskKey } from '../store/task.ts'

/** The first letter of a task. The same call makes the same letter. */
export function taskLetter(
  key: string,
  prompt: string,
  { request, context }: { request: LetterRequest; context: JSONObject | undefined },
): Letter {
  const id = `task-${key}`
  return {
    id,
    kind: 'message',
    message: { id, role: 'user', parts: [{ type: 'text', text: prompt }] },
    replyId: `answer-${key}`,
    request,
    ...(context !== undefined && { context }),
  }
}

/** The id of the answer of an attempt of a task, from 0. */
export const replyIdOf = ({ letter }: Task, attempt: number): string =>
  attempt === 0 ? letter.replyId : `${letter.replyId}-${attempt}`

/** The attempt that made an answer. Undefined for an answer to another message. */
export function attemptOf(task: Task, replyId: string): number | undefined {
  const first = replyIdOf(task, 0)
  if (replyId === first) return 0
  const attempt = replyId.startsWith(`${first}-`) ? Number(replyId.slice(first.length + 1)) : 0
  return attempt > 0 && attempt <= task.restarts ? attempt : undefined
}

/** The letter that runs a task again. Its turn continues after the steps that finished before the error. */
export const restartLetter = ({ letter, ...task }: Task, attempt: number): Letter => ({
  id: `${letter.id}-${attempt}`,
  kind: 'message',
  replyId: replyIdOf({ letter, ...task }, attempt),
  request: letter.request,
})

/**
 * The letter that ends the wait of a turn as a stop. Of several stops of one wait, only the first counts: the
 * claim of the turn identifies the wait.
 */
export const stopLetter = (
  { logId, claim }: Pick<TurnRecord, 'logId' | 'claim'>,
  request: LetterRequest & { stop: QueueOnStop },
): Letter => ({
  id: `stop:${logId}:${claim}`,
  kind: 'answer',
  replyId: logId,
  answer: [],
  request,
})

/** The end of a task for its parent. */
export interface TaskResult {
  state: 'finished' | 'failed' | 'stopped'
  /** Why it failed. */
  error: string | undefined
  /** Its answer, as far as it came. */
  message: FoldedMessage | undefined
}

/** Reads the end of a task from the metadata of its answer. */
export function endIn({ metadata }: FoldedMessage): Pick<TaskResult, 'state' | 'error'> {
  switch (metadata?.['outcome']) {
    case 'aborted':
      return { state: 'stopped', error: undefined }
    case 'error':
      return { state: 'failed', error: 'The task has failed.' }
    default:
      return { state: 'finished', error: undefined }
  }
}

/** The result of a background task, as a message to its parent. A second one with the same id changes nothing. */
export function resultLetter(
  task: Task,
  result: TaskResult,
  { id, request }: { id: string; request: LetterRequest },
): Letter {
  const messageId = `result-${taskKey(task.id) ?? ''}`
  const { agent, toolCallId } = task
  const { state } = result
  return {
    id: messageId,
    kind: 'message',
    message: {
      id: messageId,
      role: 'user',
      metadata: { task: { id, agent, toolCallId, state } },
      parts: [{ type: 'text', text: resultText(task, result, id) }],
    },
    replyId: `${messageId}-answer`,
    request,
  }
}

function resultText({ agent, letter }: Task, { state, error, message }: TaskResult, id: string) {
  const text = message === undefined ? '' : answerText(message)
  const heads = {
    finished: `The background task ${id} of the agent "${agent}" has finished.`,
    failed: `The background task ${id} of the agent "${agent}" has failed: ${error ?? ''}`,
    stopped: `The background task ${id} of the agent "${agent}" was stopped.`,
  }
  const answer =
    text === '' ? '' : `\n\n${state === 'finished' ? 'Its result' : 'Its last text'}:\n${text}`
  return `${heads[state]}\nIts task was: ${titleOf(letter)}${answer}`
}

/** The final answer of a task as text: the output of an agent with a schema, else the text of its last step. */
export function answerText(message: FoldedMessage): string {
  const output = outputIn(message)
  return output === undefined ? lastTextOf(message) : JSON.stringify(output)
}

const titleMax = 100

/** The beginning of the prompt of a task. */
export function titleOf({ message }: Letter): string {
  const text = (message?.parts ?? [])
    .map((part) => (part.type === 'text' ? part.text : ''))
    .join('')
  const line = text.trim().replaceAll(/\s+/g, ' ')
  return line.length <= titleMax ? line : `${line.slice(0, titleMax - 1).toWellFormed()}…`
}
