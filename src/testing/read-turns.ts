/** Reads the messages of a session as the turns of a recorded test. */
import type { UIMessage } from 'ai'

import { LoomError } from '../ground/error.ts'
import { fieldOf, isFields, textField } from '../ground/fields.ts'
import { answerOf, type CallRunner, partsOf } from './message-steps.ts'
import type { RecordedStep, RecordedTurn } from './recorded-turn.ts'

type UserContent = RecordedTurn['user']

/**
 * @throws LoomError `invalid-request` if there is no answer to record, an answer is that of another agent, or
 * an answer ended at a budget
 */
export function turnsIn(
  messages: readonly unknown[],
  { agent, runnerOf }: { agent: string; runnerOf: CallRunner },
): RecordedTurn[] {
  const turns: RecordedTurn[] = []
  let pending: UserContent[] = []
  for (const message of messages) {
    const role = textField(message, 'role')
    if (role === 'user') pending.push(contentOf(message))
    if (role !== 'assistant') continue
    // A history may begin with a greeting of the assistant, which no model wrote in this session.
    if (pending.length === 0) continue
    refuseOthers(message, agent)
    const { steps, ...end } = answerOf(message, runnerOf)
    const { user, steering } = usersOf(pending, steps)
    pending = []
    turns.push({
      user,
      ...(steering.length > 0 && { steering }),
      steps: steps.map((step, index) =>
        index === steps.length - 1 || steering.length > 0
          ? step
          : withBreak(step, { ...end, isBroken: brokenAt(message, { index, of: steps.length }) }),
      ),
      ...end,
    })
  }
  if (turns.length > 0) return turns
  throw new LoomError(
    'invalid-request',
    'The session has no answer, so there is nothing to record. Send it a message first, and record it after the answer.',
  )
}

function refuseOthers(message: unknown, agent: string): void {
  const metadata = fieldOf(message, 'metadata')
  const answering = textField(metadata, 'agent') ?? agent
  if (answering !== agent) {
    throw new LoomError(
      'invalid-request',
      `The session has an answer of the agent "${answering}", and the test is for "${agent}". Record a session of one agent.`,
    )
  }
  const outcome = textField(metadata, 'outcome')
  if (outcome === 'max-cost' || outcome === 'max-tokens') {
    throw new LoomError(
      'invalid-request',
      `The answer "${textField(message, 'id') ?? ''}" ended at its budget (${outcome}). A scripted model has no costs, so a test cannot repeat this.`,
    )
  }
}

/**
 * A turn that failed before it called the model has no answer in the history. Its message is not that of the next
 * answer: a message steers a turn only before its second step.
 */
function usersOf(pending: readonly UserContent[], steps: readonly unknown[]) {
  const [user, ...steering] = steps.length > 1 ? pending : pending.slice(-1)
  return { user: user ?? '', steering }
}

/**
 * A step without calls ends an answer, unless its reply broke off, a message of the user steered the turn, or
 * the answer did not fit the agent's output schema and the model answered again.
 */
function withBreak(
  step: string | RecordedStep,
  { output, isBroken }: { output?: unknown; isBroken: boolean },
): string | RecordedStep {
  const { toolCalls, ...rest } = typeof step === 'string' ? { text: step } : step
  if ((output !== undefined && !isBroken) || (toolCalls?.length ?? 0) > 0) return step
  return { ...rest, breaksOff: true }
}

/** Whether the provider reported the tokens of the last step, and none of this one: its reply broke off. */
function brokenAt(message: unknown, { index, of }: { index: number; of: number }): boolean {
  const stepUsage = fieldOf(fieldOf(message, 'metadata'), 'stepUsage')
  // An empty step is left out of the steps, but not of their usage.
  if (!Array.isArray(stepUsage) || stepUsage.length !== of) return false
  const tokensOf = (step: unknown) => fieldOf(fieldOf(step, 'usage'), 'totalTokens')
  return tokensOf(stepUsage[index]) === 0 && tokensOf(stepUsage.at(-1)) !== 0
}

function contentOf(message: unknown): UserContent {
  const parts = partsOf(message)
  const [first] = parts
  const text = textField(first, 'text')
  const isText = parts.length === 1 && textField(first, 'type') === 'text' && text !== undefined
  return isText ? text : parts.filter(isPart)
}

/** The parts of a user message are those of `useChat`. They were checked when they were posted. */
const isPart = (part: unknown): part is UIMessage['parts'][number] =>
  isFields(part) && typeof part['type'] === 'string'
