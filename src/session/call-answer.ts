/** The answers that a program gives to calls, and their stored form. */
import { LoomError } from '../ground/error.ts'
import { isFields } from '../ground/fields.ts'
import { toJson } from '../ground/json.ts'
import type { Answer } from '../store/letter.ts'
import { checkFlag, checkText } from './given-value.ts'

/**
 * An answer to one call that a message waits for: the output of a client-side tool, the error of one, or the
 * decision on an approval. `AgentSession.answer` takes a list of them.
 * @example
 * ```ts
 * import { type CallAnswer, defineAgent, startAgent } from 'loomkit'
 *
 * const session = startAgent(defineAgent({ name: 'tutor', systemPrompt: 'Teach.' }))
 * const answers: CallAnswer[] = [
 *   { toolCallId: 'call-1', output: 'Berlin' },
 *   { approvalId: 'approval-1', approved: false, reason: 'Too expensive.' },
 * ]
 * const { text } = await (await session.answer(answers)).reply()
 * ```
 */
export type CallAnswer =
  | {
      /** The id of the call that the session waits for. */
      toolCallId: string
      /** The output of the call: a JSON value. */
      output: unknown
    }
  | {
      /** The id of the call that the session waits for. */
      toolCallId: string
      /** The error of the call, which the model receives. */
      errorText: string
    }
  | {
      /** The id of the approval request that the session waits for. */
      approvalId: string
      /** Whether the call may run. The model receives a refusal as the outcome of the call. */
      approved: boolean
      /** The reason of the decision. The model receives it with a refusal. @defaultValue none */
      reason?: string
    }

/** @throws LoomError `invalid-request` for an answer without one of its forms, or an output that is not JSON */
export function storedAnswer(answer: CallAnswer): Answer {
  if ('approvalId' in answer) {
    const { approvalId, approved, reason } = answer
    // A text such as "no" must not approve.
    checkFlag('approved', approved)
    return { type: 'approval', approvalId, approved, ...(reason !== undefined && { reason }) }
  }
  const { toolCallId } = answer
  checkText('toolCallId', toolCallId)
  if ('output' in answer === 'errorText' in answer) {
    throw new LoomError('invalid-request', 'An answer needs either output or errorText.')
  }
  if ('errorText' in answer) {
    checkText('errorText', answer.errorText)
    return { type: 'output-error', toolCallId, errorText: answer.errorText }
  }
  try {
    return { type: 'output', toolCallId, output: toJson(answer.output) }
  } catch (cause) {
    throw new LoomError('invalid-request', 'The output of a tool must be JSON.', { cause })
  }
}

/** An object whose only field is `errorText` is an error. Every other value is an output. */
export const outputOrError = (toolCallId: string, result: unknown): CallAnswer =>
  isFields(result) && typeof result['errorText'] === 'string' && Object.keys(result).length === 1
    ? { toolCallId, errorText: result['errorText'] }
    : { toolCallId, output: result }

/** Whether a value is a list of answers in their stored form, which `answer` also takes. */
export const areStoredAnswers = (value: unknown): value is readonly Answer[] =>
  Array.isArray(value) && value.length > 0 && value.every(isStoredAnswer)

function isStoredAnswer(value: unknown): boolean {
  if (!isFields(value)) return false
  const { type, toolCallId, approvalId, approved } = value
  if (type === 'approval') return typeof approvalId === 'string' && typeof approved === 'boolean'
  return (type === 'output' || type === 'output-error') && typeof toolCallId === 'string'
}
