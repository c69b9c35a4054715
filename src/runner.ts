/**
 * The agent loop as a function: agent and messages in, events out as they happen, the whole chain back.
 * It knows no HTTP, no session and no store; whoever calls it says where the events go.
 */
import { randomUUID } from 'node:crypto'

import type { ModelMessage } from 'ai'

import type { Agent } from './agent.ts'
import { errorMessage, LoomError } from './ground/error.ts'
import { publish } from './ground/telemetry.ts'
import { untilAborted } from './ground/until-aborted.ts'
import type { Models } from './model.ts'
import type { RunOptions, WithModels } from './run-options.ts'
import type { Outcome, RunResult } from './run-result.ts'
import { AgentRun } from './runner/agent-run.ts'
import { finishOf, resultOf, startOf, withResult } from './runner/ending.ts'
import { noRunSettings, readRunSettings, type RunSettings } from './runner/run-settings.ts'
import { guarded, type Sink, SinkFailure } from './sink.ts'

/** Sub-agents of sub-agents, and so on: a chain that is longer has lost its way. */
const depthMax = 4

/**
 * Runs an agent until it is done.
 * @param messages the conversation so far; a string is one user message.
 * @throws LoomError `unknown-model`, `missing-key` or `invalid-config` before the first event;
 * `model-failed` or `model-timeout` when every attempt failed; `over-budget` where the session has
 * nothing left; `aborted`. The last four come after the last event and carry what was said so far in
 * `result`. Whatever the sink throws is thrown on.
 */
export async function run<CONTEXT = unknown>(
  agent: Agent<CONTEXT>,
  messages: string | readonly ModelMessage[],
  options: WithModels<RunOptions<CONTEXT>>,
): Promise<RunResult> {
  const { models, signal = new AbortController().signal } = options
  const emit = guarded(options.sink ?? (() => undefined))
  const settings = await settingsOf(agent, options, { models, signal })
  const { model, messageId = randomUUID(), sink, session, ...shared } = options
  const [first] = settings.models
  const defaults = first === undefined ? {} : { defaultModel: options.defaultModel ?? first }
  const agentRun = new AgentRun<CONTEXT>({
    agent,
    settings,
    models,
    signal,
    options,
    messageId,
    messages: typeof messages === 'string' ? [{ role: 'user', content: messages }] : messages,
    emit,
    runBelow: (below, prompt, own) => runBelow(below, prompt, { ...shared, ...defaults, ...own }),
  })
  return conclude(agentRun, { agent, options, messageId, emit, signal, models })
}

/** An abort is told in the stream like any later one; a run that never began needs no settings. */
async function settingsOf<CONTEXT>(
  agent: Agent<CONTEXT>,
  options: RunOptions<CONTEXT>,
  { models, signal }: { models: Models; signal: AbortSignal },
): Promise<RunSettings> {
  try {
    return await untilAborted(signal, async () => {
      const settings = await readRunSettings(agent, options)
      // A model that cannot be had is told before the first event, while an HTTP client still can be
      // given a status; a chain of fallbacks is left to try its luck.
      const [first, ...fallbacks] = settings.models
      if (first !== undefined && fallbacks.length === 0) await models.resolve(first)
      return settings
    })
  } catch (error) {
    if (signal.aborted) return noRunSettings
    throw error
  }
}

/** A sub-agent: the same world, one level deeper, and nobody to ask. */
function runBelow(
  agent: Agent,
  messages: string | readonly ModelMessage[],
  shared: WithModels<RunOptions>,
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
  messageId: string
  emit: Sink
  signal: AbortSignal
  models: Models
}

/** From `start` to `finish` on every path but one: a sink that failed is told nothing more. */
async function conclude<CONTEXT>(
  agentRun: AgentRun<CONTEXT>,
  run: Run<CONTEXT>,
): Promise<RunResult> {
  const { agent, options, messageId, emit } = run
  const started = performance.now()
  let outcome: Outcome = 'error'
  publish('agent:start', () => [{}, { agent: agent.name, context: options.context }])
  try {
    if (options.session?.resume.started !== true) await emit(startOf(agent.name, messageId))
    const end = await agentRun.run().then(
      (outcome) => ({ outcome, error: undefined }),
      (reason: unknown) => failureOf(run, reason),
    )
    outcome = end.outcome
    if (end.error === undefined) await settle(agentRun, emit, outcome)
    else await settleFailure(agentRun, emit, end)
    await emit(finishOf(agentRun, { outcome, durationMs: performance.now() - started, started }))
    const result = resultOf(agentRun, outcome)
    if (end.error === undefined) return result
    throw withResult(end.error, result)
  } catch (error) {
    throw error instanceof SinkFailure ? error.cause : error
  } finally {
    const durationMs = performance.now() - started
    publish('agent:stop', () => [
      { durationMs, steps: agentRun.steps },
      { agent: agent.name, result: outcome },
    ])
  }
}

interface Failure {
  outcome: 'error' | 'aborted'
  error: LoomError
}

function failureOf<CONTEXT>({ signal, models }: Run<CONTEXT>, reason: unknown): Failure {
  if (reason instanceof SinkFailure) throw reason
  if (signal.aborted) {
    const error = new LoomError('aborted', 'The run was aborted.', { cause: signal.reason })
    return { outcome: 'aborted', error }
  }
  if (reason instanceof LoomError) return { outcome: 'error', error: reason }
  const message = models.redact(errorMessage(reason))
  return { outcome: 'error', error: new LoomError('internal', message, { cause: reason }) }
}

/** Ends what is open and tells why: the client can still be told. */
async function settleFailure<CONTEXT>(
  agentRun: AgentRun<CONTEXT>,
  emit: Sink,
  { outcome, error }: Failure,
): Promise<void> {
  const isAbort = outcome === 'aborted'
  await agentRun.settle(isAbort ? 'Aborted before it was done.' : 'Not run: the turn failed.')
  agentRun.reply.finishReason = isAbort ? 'other' : 'error'
  await settle(agentRun, emit, outcome)
  await emit(isAbort ? { type: 'abort' } : { type: 'error', errorText: error.message })
}

async function settle<CONTEXT>(
  agentRun: AgentRun<CONTEXT>,
  emit: Sink,
  outcome: Outcome,
): Promise<void> {
  if (outcome === 'waiting') return
  await agentRun.settleProviderCalls()
  // A message that ends in tool results looks unfinished to a client that sends by itself, and it
  // would post it again for ever (vercel/ai issue 8043). An empty step with metadata behind it ends that.
  if (!agentRun.endsInResults) return
  await emit({ type: 'start-step' })
  await emit({ type: 'finish-step' })
}
