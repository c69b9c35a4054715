/**
 * The answers of a run to the calls that its session waits for: results of the client's tools, and the entries of
 * `resume`.
 */
import { LoomError } from '../../src/ground/error.ts'
import { fieldOf, textField } from '../../src/ground/fields.ts'
import type { FoldedMessage } from '../../src/message-fold.ts'
import { toolNameOf } from '../../src/session/open-calls.ts'
import { pendingApproval, pendingOutput, pendingParts } from '../../src/session/pending-parts.ts'
import type { Answer } from '../../src/store/letter.ts'
import { OmittedValue } from '../../src/wire/conversation/omitted-value.ts'
import { toolCallIdIn } from '../../src/wire/frames/ag-ui/ids.ts'
import type { ResumeEntry, RunInput } from './run-input.ts'

/**
 * Returns the answers that the message waits for. Others are ignored: AG-UI asks to go on without them.
 * @throws LoomError `invalid-request` for a decision in a wrong form
 */
export function answersIn(
  pending: FoldedMessage,
  { results, resume }: Pick<RunInput, 'results' | 'resume'>,
): Answer[] {
  const answers = new Map<string, Answer>()
  for (const [index, entry] of resume.entries()) {
    const answer = answerOf(pending, entry, `resume[${index}]`)
    if (answer !== undefined) answers.set(entry.interruptId, answer)
  }
  for (const { toolCallId: callId, content, error } of results) {
    const toolCallId = toolCallIdIn(pending.id, callId)
    if (answers.has(callId) || pendingOutput(pending, toolCallId) === undefined) continue
    if (content instanceof OmittedValue) throw content.refusal
    answers.set(
      callId,
      error === undefined
        ? { type: 'output', toolCallId, output: content }
        : { type: 'output-error', toolCallId, errorText: error },
    )
  }
  return [...answers.values()]
}

/**
 * AG-UI lets no run pass over an open interrupt: each one is answered or cancelled by an entry. A call of a tool that the
 * client offers is none.
 * @throws LoomError `refused`
 */
export function checkCovered(
  pending: FoldedMessage | undefined,
  { resume, results, asked }: Pick<RunInput, 'resume' | 'results' | 'asked'>,
): void {
  if (pending === undefined) return
  const offered = new Set(asked?.tools?.map(({ name }) => name))
  const given = new Set([
    ...resume.map(({ interruptId }) => toolCallIdIn(pending.id, interruptId)),
    ...results.map(({ toolCallId }) => toolCallIdIn(pending.id, toolCallId)),
  ])
  const open = pendingParts(pending).filter((part) => {
    const approvalId = textField(part['approval'], 'id')
    if (part['state'] === 'approval-requested') return !given.has(approvalId ?? '')
    return !offered.has(toolNameOf(part)) && !given.has(String(part['toolCallId']))
  })
  if (open.length === 0) return
  throw new LoomError(
    'refused',
    'This thread waits for the answers to its interrupts. Put an entry for each of them into resume; the status cancelled abandons one. A run without a new message returns them.',
  )
}

function answerOf(
  pending: FoldedMessage,
  { interruptId, status, payload }: ResumeEntry,
  name: string,
): Answer | undefined {
  if (pendingApproval(pending, interruptId) !== undefined) {
    const decision =
      status === 'cancelled'
        ? { approved: false, reason: 'The user gave no decision.' }
        : decisionIn(payload, `${name}.payload`)
    return { type: 'approval', approvalId: interruptId, ...decision }
  }
  const toolCallId = toolCallIdIn(pending.id, interruptId)
  if (pendingOutput(pending, toolCallId) === undefined) return undefined
  return status === 'cancelled'
    ? { type: 'output-error', toolCallId, errorText: 'The user gave no answer.' }
    : { type: 'output', toolCallId, output: payload ?? null }
}

function decisionIn(payload: unknown, name: string): { approved: boolean; reason?: string } {
  const approved = typeof payload === 'boolean' ? payload : fieldOf(payload, 'approved')
  if (typeof approved !== 'boolean') {
    throw new LoomError('invalid-request', `${name} must have the field approved: true or false.`)
  }
  if (fieldOf(payload, 'editedArgs') !== undefined) {
    throw new LoomError(
      'invalid-request',
      `${name} has editedArgs, and Loom runs a call only as it was approved. Refuse the call with a reason.`,
    )
  }
  const reason = textField(payload, 'reason')
  return { approved, ...(reason !== undefined && { reason }) }
}
