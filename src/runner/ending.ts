/** The `start` and `finish` events of a run, and the result that its caller receives. */
import type { AgentEvent } from '../event.ts'
import type { Clock } from '../ground/clock.ts'
import { LoomError } from '../ground/error.ts'
import type { Outcome, RunResult } from '../run-result.ts'
import type { AgentRun } from './agent-run.ts'

interface RunStart {
  agent: string
  messageId: string
  clock: Clock
  /** The model that the client of a session chose, for the turns that continue the message. */
  requestedModel: string | undefined
}

export const startOf = ({ agent, messageId, clock, requestedModel }: RunStart): AgentEvent => ({
  type: 'start',
  messageId,
  messageMetadata: {
    agent,
    createdAt: clock.now(),
    ...(requestedModel !== undefined && { requestedModel }),
  },
})

export function finishOf<CONTEXT>(
  { ledger, steps, model, reply, reason }: AgentRun<CONTEXT>,
  { outcome, durationMs, started }: { outcome: Outcome; durationMs: number; started: number },
): AgentEvent {
  const { firstContentAt, finishReason } = reply
  return {
    type: 'finish',
    finishReason,
    messageMetadata: {
      ...ledger.metadata,
      steps,
      outcome,
      ...(reason !== undefined && { reason }),
      durationMs: Math.round(durationMs),
      ...(model !== undefined && { model }),
      ...(firstContentAt !== undefined && {
        timeToFirstTokenMs: Math.round(firstContentAt - started),
      }),
    },
  }
}

export function withResult(error: LoomError, result: RunResult): LoomError {
  const { code, message, cause, retryable, retryAfterMs } = error
  return new LoomError(code, message, {
    cause: cause ?? error,
    retryable,
    result,
    ...(retryAfterMs !== undefined && { retryAfterMs }),
  })
}

export function resultOf<CONTEXT>(run: AgentRun<CONTEXT>, outcome: Outcome): RunResult {
  const { messages, steps, reason } = run
  const { text, finishReason } = run.reply
  const { usage, cost } = run.ledger
  const result = {
    messages,
    text,
    output: run.output?.value,
    steps,
    usage,
    ...(cost !== undefined && { cost }),
    finishReason,
    outcome,
    ...(reason !== undefined && { reason }),
  }
  return run.hasOutputSchema && run.output === undefined ? withoutOutput(result) : result
}

/** A program that reads an output that there is not must not continue with `undefined`. */
function withoutOutput(result: RunResult): RunResult {
  return Object.defineProperty(result, 'output', {
    // Not enumerable, so that copies and JSON of the result leave it out.
    enumerable: false,
    get(): never {
      throw new LoomError(
        'output-invalid',
        `The run ended as "${result.outcome}" and has no output.`,
      )
    },
  })
}
