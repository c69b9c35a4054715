/**
 * A stored answer as the steps of a recorded test. The recorder reads the answer of a session with it, and
 * `replaySession` the answer of the test, so that the two can be compared.
 */
import { fieldOf, textField } from '../ground/fields.ts'
import { mirroredIn } from '../mirrored-call.ts'
import type { RecordedCall, RecordedStep, RecordedTurn } from './recorded-turn.ts'

/** Whether this process or the provider ran a call, or the client or a human answered it. */
export type CallRunner = (call: { toolName: string; toolCallId: string }) => 'server' | 'client'

export type AnswerOfTurn = Pick<RecordedTurn, 'steps' | 'output' | 'outcome'>

/**
 * The errors that Loom gives to a call before any tool runs (`runner/parse-input.ts`, `tool-inputs.ts`). The error of
 * a tool may contain the same words, so each pattern begins where the error begins.
 */
const refusal =
  /^(There is no tool "|The input (does not fit the tool:|is not JSON)|The tool call was cut off|The reply reached its length limit, so the tool call was cut off|A content filter cut off the tool call)/
/** The error of a call whose turn was stopped (`session/turn-run.ts`). */
const stop = /^The turn ends: /
/**
 * The errors of a call that had no answer when the next message arrived (`session/turn-work.ts`) or when its turn ended
 * (`runner/call-settler.ts`).
 */
const unanswered =
  /^Not answered\.$|^Not run: the conversation went on|^Aborted before it was done\.$/

export function answerOf(message: unknown, runnerOf: CallRunner): AnswerOfTurn {
  const outcome = outcomeOf(message)
  const parts = partsOf(message)
  const all = stepsIn(parts).map((step) => stepOf(step, runnerOf))
  // A reply that broke off before its first content leaves an empty step.
  const steps = all.filter((step, index) => index === all.length - 1 || !isEmpty(step))
  const output = parts.findLast((part) => textField(part, 'type') === 'data-output')
  return {
    steps: withoutEmptyEnd(steps, outcome).map(shortStep),
    ...(output !== undefined && { output: fieldOf(output, 'data') }),
    ...(outcome !== 'finished' && { outcome }),
  }
}

export function partsOf(message: unknown): readonly unknown[] {
  const parts = fieldOf(message, 'parts')
  return Array.isArray(parts) ? parts.filter((part) => !isQuestion(part)) : []
}

/** The question of a task is no call of this agent. */
const isQuestion = (part: unknown): boolean =>
  mirroredIn(textField(part, 'toolCallId')) !== undefined

const outcomes = ['finished', 'aborted', 'error', 'waiting', 'max-steps', 'stopped'] as const

/** A message without metadata, or with an outcome that a test cannot repeat, counts as finished. */
function outcomeOf(message: unknown): (typeof outcomes)[number] {
  const written = textField(fieldOf(message, 'metadata'), 'outcome')
  return outcomes.find((outcome) => outcome === written) ?? 'finished'
}

function stepsIn(parts: readonly unknown[]): unknown[][] {
  const steps: unknown[][] = []
  for (const part of parts) {
    if (textField(part, 'type') === 'step-start') steps.push([])
    else if (steps.length === 0) steps.push([part])
    else steps.at(-1)?.push(part)
  }
  return steps
}

function stepOf(parts: readonly unknown[], runnerOf: CallRunner): RecordedStep {
  const textsOf = (type: string) =>
    parts
      .filter((part) => textField(part, 'type') === type)
      .map((part) => textField(part, 'text') ?? '')
      .join('')
  const reasoning = textsOf('reasoning')
  const text = textsOf('text')
  const toolCalls = parts.flatMap((part) => callOf(part, runnerOf))
  return {
    ...(reasoning !== '' && { reasoning }),
    ...(text !== '' && { text }),
    ...(toolCalls.length > 0 && { toolCalls }),
  }
}

function callOf(part: unknown, runnerOf: CallRunner): RecordedCall[] {
  const toolCallId = textField(part, 'toolCallId')
  if (toolCallId === undefined) return []
  const type = textField(part, 'type') ?? ''
  const toolName = textField(part, 'toolName') ?? type.replace(/^tool-/, '')
  const isProviders = fieldOf(part, 'providerExecuted') === true
  const runner = isProviders ? 'server' : runnerOf({ toolName, toolCallId })
  const approval = fieldOf(part, 'approval')
  const approved = fieldOf(approval, 'approved')
  const reason = textField(approval, 'reason')
  return [
    {
      toolName,
      input: fieldOf(part, 'input') ?? '',
      ...(isProviders && { providerExecuted: true }),
      ...(typeof approved === 'boolean' && { approved }),
      ...(reason !== undefined && { reason }),
      ...outcomeOfCall(part, runner),
    },
  ]
}

function outcomeOfCall(part: unknown, runner: ReturnType<CallRunner>): Partial<RecordedCall> {
  const state = textField(part, 'state')
  if (state === 'output-available') {
    const output = fieldOf(part, 'output') ?? null
    return runner === 'server' ? { output } : { answer: output }
  }
  if (state !== 'output-error') return {}
  const errorText = textField(part, 'errorText') ?? ''
  if (unanswered.test(errorText)) return {}
  if (stop.test(errorText)) return { stopped: true }
  if (refusal.test(errorText)) return { refused: true }
  return runner === 'server' ? { error: errorText } : { answerError: errorText }
}

/**
 * After calls that ended a run, a message has an empty step that is no reply of the model. An empty reply is
 * the last step of a run that finished or failed.
 */
function withoutEmptyEnd(
  steps: readonly RecordedStep[],
  outcome: RecordedTurn['outcome'],
): readonly RecordedStep[] {
  const last = steps.at(-1)
  const isReply = outcome === 'finished' || outcome === 'error'
  if (last === undefined || isReply || !isEmpty(last)) return steps
  const calls = steps.at(-2)?.toolCalls ?? []
  const isOfCalls = outcome !== 'aborted' || calls.some(({ stopped }) => stopped === true)
  return isOfCalls ? steps.slice(0, -1) : steps
}

const isEmpty = (step: RecordedStep): boolean => Object.keys(step).length === 0

/** A step that is only a text is the text, and an empty step the empty text. */
export function shortStep(step: RecordedStep): string | RecordedStep {
  const { text = '', ...rest } = step
  return Object.keys(rest).length === 0 ? text : step
}
