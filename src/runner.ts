/**
 * The agent loop as a function: agent and messages in, events out as they happen, the whole chain back.
 * It knows no HTTP, no session and no store; whoever calls it says where the events go.
 */
import { randomUUID } from 'node:crypto'

import type { ModelMessage } from 'ai'

import type { Agent, TimeLimits } from './agent.ts'
import { processEnvironment } from './config.ts'
import { errorMessage, LoomError } from './error.ts'
import type { FinishReason } from './event.ts'
import type { ModelReference, Models } from './model.ts'
import { createModels } from './model/resolve.ts'
import { readSettings } from './runner/settings.ts'
import { Turn } from './runner/turn.ts'
import { guarded, type Sink, SinkFailure } from './sink.ts'
import { publish } from './telemetry.ts'
import type { Usage } from './usage.ts'

/** Sub-agents of sub-agents, and so on: a chain that is longer has lost its way. */
const depthMax = 4

export interface RunOptions<CONTEXT = unknown> {
  /** Where the events go as they happen. @defaultValue nowhere */
  sink?: Sink
  /** Handed to every callback and tool. Required by an agent whose callbacks read it. */
  context?: CONTEXT
  /** Aborts the run: model call and tools stop, what was said so far is kept in the error's `result`. */
  signal?: AbortSignal
  /** Used instead of the agent's own model. */
  model?: ModelReference | readonly ModelReference[]
  /** Resolves model strings. @defaultValue the environment's providers */
  models?: Models
  /** Used where neither the run nor the agent names a model. */
  defaultModel?: ModelReference
  /** The id of the assistant message that the events make. @defaultValue a new one */
  messageId?: string
  /**
   * What to do with a partial step whose model stream broke: `reset` withdraws it (clients of ai
   * 7.0.70 and later), `continue` keeps it and lets the model go on. @defaultValue 'reset'
   */
  recovery?: 'reset' | 'continue'
  /** False when nobody can approve: a call that needs it is refused instead. @defaultValue true */
  approvals?: boolean
  limits?: Partial<TimeLimits>
  /** How many agents stand above this one. @defaultValue 0 */
  depth?: number
}

/**
 * How a run ended. `waiting`: for the outputs of client-side tools, or for decisions on approvals.
 * `stopped`: by `onStep`. The last two come with the error that `run` rejects with.
 */
export type Outcome = 'finished' | 'max-steps' | 'stopped' | 'waiting' | 'error' | 'aborted'

export interface RunResult {
  /** The whole chain: what was given and what the run added. Feed it to the next run. */
  messages: ModelMessage[]
  /** The text of the last step. */
  text: string
  /** How many model calls were made. */
  steps: number
  usage: Usage
  finishReason: FinishReason
  outcome: Outcome
}

/**
 * Runs an agent until it is done.
 * @param messages the conversation so far; a string is one user message.
 * @throws LoomError `unknown-model`, `missing-key` or `invalid-config` before the first event;
 * `model-failed` or `model-timeout` when every attempt failed; `aborted`. The last three come after
 * the last event and carry what was said so far in `result`. Whatever the sink throws is thrown on.
 */
export async function run<CONTEXT = unknown>(
  agent: Agent<CONTEXT>,
  messages: string | readonly ModelMessage[],
  options: RunOptions<CONTEXT> = {},
): Promise<RunResult> {
  const { signal = new AbortController().signal } = options
  const emit = guarded(options.sink ?? (() => undefined))
  const models = options.models ?? createModels({ environment: processEnvironment() })
  const settings = await readSettings(agent, options)
  // A model that cannot be had is told before the first event, while an HTTP client still can be
  // given a status; a chain of fallbacks is left to try its luck.
  const [first] = settings.models
  if (settings.models.length === 1 && first !== undefined) await models.resolve(first)
  const { model, messageId, sink, ...shared } = options
  const defaults = first === undefined ? {} : { defaultModel: options.defaultModel ?? first }
  const turn = new Turn<CONTEXT>({
    agent,
    settings,
    models,
    signal,
    options,
    messages: typeof messages === 'string' ? [{ role: 'user', content: messages }] : [...messages],
    emit,
    runBelow: (below, prompt, own) =>
      runBelow(below, prompt, { ...shared, models, ...defaults, ...own }),
  })
  return conclude(turn, { agent, options, emit, signal, models })
}

/** A sub-agent: the same world, one level deeper, and nobody to ask. */
function runBelow(
  agent: Agent,
  messages: string | readonly ModelMessage[],
  shared: RunOptions,
): Promise<RunResult> {
  const depth = (shared.depth ?? 0) + 1
  if (depth > depthMax) {
    throw new LoomError('invalid-request', `Sub-agents go at most ${depthMax} levels deep.`)
  }
  return run(agent, messages, { ...shared, depth, approvals: false })
}

interface Run<CONTEXT> {
  agent: Agent<CONTEXT>
  options: RunOptions<CONTEXT>
  emit: Sink
  signal: AbortSignal
  models: Models
}

/** From `start` to `finish` on every path but one: a sink that failed is told nothing more. */
async function conclude<CONTEXT>(turn: Turn<CONTEXT>, run: Run<CONTEXT>): Promise<RunResult> {
  const { agent, options, emit } = run
  const started = performance.now()
  let outcome: Outcome = 'error'
  publish('agent:start', {}, { agent: agent.name, context: options.context })
  try {
    await emit({
      type: 'start',
      messageId: options.messageId ?? randomUUID(),
      messageMetadata: { agent: agent.name, createdAt: Date.now() },
    })
    const end = await turn.run().then(
      (outcome) => ({ outcome, error: undefined }),
      (reason: unknown) => settleFailure(turn, run, reason),
    )
    outcome = end.outcome
    await finish(turn, emit, { outcome, started })
    if (end.error === undefined) return resultOf(turn, outcome)
    throw new LoomError(end.error.code, end.error.message, {
      cause: end.error.cause ?? end.error,
      retryable: end.error.retryable,
      result: resultOf(turn, outcome),
    })
  } catch (error) {
    throw error instanceof SinkFailure ? error.cause : error
  } finally {
    const durationMs = performance.now() - started
    publish('agent:stop', { durationMs, steps: turn.steps }, { agent: agent.name, result: outcome })
  }
}

/** Ends what is open and tells why: the client can still be told. */
async function settleFailure<CONTEXT>(
  turn: Turn<CONTEXT>,
  { emit, signal, models }: Run<CONTEXT>,
  reason: unknown,
): Promise<{ outcome: Outcome; error: LoomError }> {
  if (reason instanceof SinkFailure) throw reason
  if (signal.aborted) {
    const error = new LoomError('aborted', 'The run was aborted.', { cause: signal.reason })
    await turn.settle('Aborted before it was done.')
    turn.finishReason = 'other'
    await emit({ type: 'abort' })
    return { outcome: 'aborted', error }
  }
  const error =
    reason instanceof LoomError
      ? reason
      : new LoomError('internal', models.redact(errorMessage(reason)), { cause: reason })
  await turn.settle('Not run: the turn failed.')
  turn.finishReason = 'error'
  await emit({ type: 'error', errorText: error.message })
  return { outcome: 'error', error }
}

async function finish<CONTEXT>(
  turn: Turn<CONTEXT>,
  emit: Sink,
  { outcome, started }: { outcome: Outcome; started: number },
): Promise<void> {
  // A message that ends in tool results looks unfinished to a client that sends by itself, and it
  // would post it again for ever (vercel/ai issue 8043). An empty step with metadata behind it ends that.
  if (outcome === 'max-steps' || outcome === 'stopped') {
    await emit({ type: 'start-step' })
    await emit({ type: 'finish-step' })
  }
  const { usage, steps, model, firstContentAt, finishReason } = turn
  await emit({
    type: 'finish',
    finishReason,
    messageMetadata: {
      usage,
      steps,
      outcome,
      durationMs: Math.round(performance.now() - started),
      ...(model !== undefined && { model }),
      ...(firstContentAt !== undefined && {
        timeToFirstTokenMs: Math.round(firstContentAt - started),
      }),
    },
  })
}

function resultOf<CONTEXT>(turn: Turn<CONTEXT>, outcome: Outcome): RunResult {
  const { messages, text, steps, usage, finishReason } = turn
  return { messages, text, steps, usage, finishReason, outcome }
}
