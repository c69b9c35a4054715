/**
 * The calls that wait for a human, as forms of MCP (`elicitation/create`), and the answers to them. A form of MCP is
 * flat: an object with texts, numbers, booleans and choices.
 */
import type { ElicitRequestFormParams } from '@modelcontextprotocol/server'

import { shorten } from '../ground/cut-text.ts'
import { LoomError } from '../ground/error.ts'
import { fieldOf, textField } from '../ground/fields.ts'
import type { OpenCall } from '../session/session-info.ts'
import type { Answer } from '../store/letter.ts'

/** The id of a question, in `answers` and in a request for input. */
export const keyOf = ({ approvalId, toolCallId }: OpenCall): string => approvalId ?? toolCallId

/** The longest input of a call that a form shows. */
const shownMax = 2000

export function formOf(call: OpenCall): ElicitRequestFormParams {
  if (call.approvalId !== undefined) {
    return {
      message: approvalText(call),
      requestedSchema: {
        type: 'object',
        properties: {
          approve: { type: 'boolean', title: 'Allow it' },
          reason: { type: 'string', title: 'Reason', description: 'The agent receives it' },
        },
        required: ['approve'],
      },
    }
  }
  const question = textField(call.input, 'question')
  if (question === undefined) {
    return {
      message: outputText(call),
      requestedSchema: {
        type: 'object',
        properties: { answer: { type: 'string', title: 'Result' } },
        required: ['answer'],
      },
    }
  }
  const options = optionsIn(call.input)
  const fallback = textField(call.input, 'default')
  const answer = {
    type: 'string' as const,
    title: 'Answer',
    ...(fallback !== undefined && { default: fallback }),
  }
  const schema =
    options.length === 0
      ? { properties: { answer } }
      : {
          properties: {
            choice: { type: 'string' as const, title: 'Answer', enum: options },
            answer: { type: 'string' as const, title: 'Another answer' },
          },
        }
  return { message: question, requestedSchema: { type: 'object', ...schema } }
}

/**
 * Returns the answer of a human. Undefined if the human gave none: the call then goes on waiting.
 * @param result as the client sent it, not checked
 */
export function elicitedAnswer(call: OpenCall, result: unknown): Answer | undefined {
  const action = fieldOf(result, 'action')
  const content = fieldOf(result, 'content')
  const { approvalId, toolCallId } = call
  if (action === 'decline') {
    return approvalId === undefined
      ? { type: 'output-error', toolCallId, errorText: 'The human declined to answer.' }
      : { type: 'approval', approvalId, approved: false, reason: 'The human declined.' }
  }
  if (action !== 'accept') return undefined
  if (approvalId !== undefined) {
    const reason = textField(content, 'reason')
    return {
      type: 'approval',
      approvalId,
      // Only the value `true` is a consent.
      approved: fieldOf(content, 'approve') === true,
      ...(reason !== undefined && reason !== '' && { reason: reason.slice(0, reasonMax) }),
    }
  }
  const written = textField(content, 'answer') ?? ''
  const output = written.trim() === '' ? (textField(content, 'choice') ?? '') : written
  return { type: 'output', toolCallId, output }
}

const reasonMax = 10_000

/**
 * Returns an answer from the arguments of a call. A model wrote it, and not a human.
 * @throws LoomError `forbidden` for an approval
 */
export function argumentAnswer(call: OpenCall, value: unknown): Answer {
  const { approvalId, toolCallId } = call
  if (approvalId === undefined) return { type: 'output', toolCallId, output: value ?? null }
  if (value === false) return { type: 'approval', approvalId, approved: false }
  throw new LoomError(
    'forbidden',
    'Only a human may allow this, in a client that shows the requests of this server or on a page of the session. The argument answers can only refuse it, with false.',
  )
}

/** The text of a result whose call waits, for a client that shows no forms. */
export function waitingText(calls: readonly OpenCall[], session: string): string {
  const lines = calls.map((call) => {
    if (call.approvalId !== undefined) return `- ${keyOf(call)}: ${approvalText(call)}`
    const question = textField(call.input, 'question')
    if (question === undefined) return `- ${keyOf(call)}: ${outputText(call)}`
    const options = optionsIn(call.input)
    const choices = options.length === 0 ? '' : ` (${options.join(', ')}, or another answer)`
    return `- ${keyOf(call)}: ${question}${choices}`
  })
  const hasApproval = calls.some(({ approvalId }) => approvalId !== undefined)
  const hasQuestion = calls.some(({ approvalId }) => approvalId === undefined)
  return [
    'The agent waits for a human:',
    ...lines,
    ...(hasQuestion
      ? [
          `Ask the human, and call this tool again with session ${JSON.stringify(session)} and answers, an object with the answer for each id.`,
        ]
      : []),
    ...(hasApproval
      ? [
          'Only the human may allow a call of a tool, on a page or in a command that shows this session. To refuse it, call again with the session and false for its id in answers.',
        ]
      : []),
    'To get the answer of the agent after that, call again with the session only.',
  ].join('\n')
}

const approvalText = ({ toolName, input }: OpenCall): string =>
  `The agent asks to run the tool "${toolName}" with ${shown(input)}. Allow it?`

const outputText = ({ toolName, input }: OpenCall): string =>
  `The agent needs the result of "${toolName}" with ${shown(input)}.`

const shown = (input: unknown): string => shorten(JSON.stringify(input) ?? 'no input', shownMax)

function optionsIn(input: unknown): string[] {
  const options = fieldOf(input, 'options')
  return Array.isArray(options)
    ? options.filter((option): option is string => typeof option === 'string')
    : []
}
