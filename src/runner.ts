/**
 * The agent loop as a function. It takes an agent and messages, emits events as they happen, and
 * returns the whole message chain. It depends on no HTTP, no session and no store: the caller's sink
 * decides where the events go.
 */
import { randomUUID } from 'node:crypto'

import type { ModelMessage } from 'ai'

import type { Agent } from './agent.ts'
import { systemClock } from './ground/clock.ts'
import { errorMessage, LoomError } from './ground/error.ts'
import { untilAborted } from './ground/until-aborted.ts'
import type { Models } from './model.ts'
import type { RunOptions, WithModels } from './run-options.ts'
import type { Outcome, RunResult } from './run-result.ts'
import { AgentRun } from './runner/agent-run.ts'
import { withAsked } from './runner/asked-settings.ts'
import { finishOf, resultOf, startOf, withResult } from './runner/ending.ts'
import { measuresOf } from './runner/reply-cost.ts'
import { noRunSettings, readRunSettings, type RunSettings } from './runner/run-settings.ts'
import { RunTelemetry } from './runner/run-telemetry.ts'
import { rootMessageOf } from './runner/settler-options.ts'
import { guardSink, type Sink, SinkFailure } from './sink.ts'

/** The greatest depth of nested sub-agents. A deeper chain is taken for an endless one. */
const depthMax = 4

/**
 * Runs an agent until it is done.
 * @param messages the conversation so far; a string is one user message.
 * @throws LoomError `unknown-model`, `missing-key` or `invalid-config` before the first event;
 * `model-failed` or `model-timeout` if every attempt failed; `output-invalid` if the answer does not fit
 * the agent's `output` schema; `over-budget` if the session has no budget left; `aborted`. The last five
 * come after the last event. Their `result` holds the partial
 * result of the run. An error of the sink is thrown unchanged.
 */
export async function run<CONTEXT = unknown, OUTPUT = unknown>(
  agent: Agent<CONTEXT, OUTPUT>,
  messages: string | readonly ModelMessage[],
  options: WithModels<RunOptions<CONTEXT>>,
): Promise<RunResult<OUTPUT>> {
  const { models, signal = new AbortController().signal } = options
  const emit = guardSink(options.sink ?? (() => undefined))
  const settings = await settingsOf(agent, options, { models, signal })
  const { model, messageId = randomUUID(), sink, session, ...shared } = options
  const [first] = settings.models
  const defaults = first === undefined ? {} : { defaultModel: options.defaultModel ?? first }
  const rootMessage = rootMessageOf(options, messageId)
  const telemetry = new RunTelemetry({
    agent: agent.name,
    caller: options.caller,
    // A task works for the message of its root, but its run belongs to its own session.
    sessionId: session?.publicId ?? rootMessage.sessionId,
    messageId: session === undefined ? rootMessage.messageId : messageId,
    principal: options.principal ?? '',
    tree: session?.tree,
  })
  const agentRun = new AgentRun<CONTEXT>({
    agent,
    settings,
    models,
    signal,
    options,
    messageId,
    messages: typeof messages === 'string' ? [{ role: 'user', content: messages }] : messages,
    emit,
    telemetry,
    runBelow: (below, prompt, { callPath, toolCallId, ...own }) =>
      runBelow(below, prompt, {
        ...shared,
        ...defaults,
        ...own,
        rootMessage: { ...rootMessage, callPath },
        caller: { telemetry, toolCallId },
      }),
  })
  return withOutputType(
    await conclude(agentRun, { agent, options, messageId, emit, signal, models, telemetry }),
  )
}

/** The agent's schema returned the output, which the types of a run do not express. */
function withOutputType<OUTPUT>(result: RunResult): RunResult<OUTPUT>
function withOutputType(result: unknown): unknown {
  return result
}

/** An abort is reported in the stream like any later one. A run that did not start needs no settings. */
async function settingsOf<CONTEXT>(
  agent: Agent<CONTEXT>,
  options: RunOptions<CONTEXT>,
  { models, signal }: { models: Models; signal: AbortSignal },
): Promise<RunSettings> {
  try {
    return await untilAborted(signal, async () => {
      const own = await readRunSettings(agent, options)
      const { asked } = options
      const settings = asked === undefined ? own : await withAsked(own, asked, agent.name)
      // A model that does not resolve is reported before the first event, because an HTTP client can
      // still receive a status then. A chain of fallbacks may still succeed, so it is not checked here.
      const [first, ...fallbacks] = settings.models
      if (first !== undefined && fallbacks.length === 0) await models.resolve(first)
      return settings
    })
  } catch (error) {
    if (signal.aborted) return noRunSettings
    throw error
  }
}

/** Runs a sub-agent: the same options, one level deeper, without approvals. */
function runBelow<OUTPUT>(
  agent: Agent<unknown, OUTPUT>,
  messages: string | readonly ModelMessage[],
  shared: WithModels<RunOptions<unknown>>,
): Promise<RunResult<OUTPUT>> {
  const depth = (shared.depth ?? 0) + 1
  if (depth > depthMax) {
    throw new LoomError(
      'invalid-request',
      `Sub-agents go at most ${depthMax} levels deep. Do the work without this sub-agent.`,
    )
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
  telemetry: RunTelemetry
}

/** Emits `start` to `finish` on every path but one: a sink that failed receives nothing more. */
async function conclude<CONTEXT>(
  agentRun: AgentRun<CONTEXT>,
  run: Run<CONTEXT>,
): Promise<RunResult> {
  const { agent, options, messageId, emit, telemetry } = run
  const { clock = systemClock } = options
  const started = clock.elapsed()
  let outcome: Outcome = 'error'
  telemetry.publish('agent:start', () => [{}, { context: options.context }])
  try {
    if (options.session?.resume.started !== true) {
      const { session, model } = options
      const requestedModel = session !== undefined && typeof model === 'string' ? model : undefined
      await emit(startOf({ agent: agent.name, messageId, clock, requestedModel }))
    }
    const end = await agentRun.run().then(
      (outcome) => ({ outcome, error: undefined }),
      (reason: unknown) => failureOf(run, reason),
    )
    outcome = end.outcome
    if (end.error === undefined) await settle(agentRun, emit, outcome)
    else await settleFailure(agentRun, emit, { ...end, hasLog: options.session !== undefined })
    await emit(finishOf(agentRun, { outcome, durationMs: clock.elapsed() - started, started }))
    const result = resultOf(agentRun, outcome)
    if (end.error === undefined) return result
    throw withResult(end.error, result)
  } catch (error) {
    throw error instanceof SinkFailure ? error.cause : error
  } finally {
    const durationMs = clock.elapsed() - started
    telemetry.publish('agent:stop', () => [
      { durationMs, steps: agentRun.steps, ...measuresOf(agentRun.ledger.ofRun) },
      { result: outcome },
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

/** Ends open parts and reports the error as an event: the client can still receive one. */
async function settleFailure<CONTEXT>(
  agentRun: AgentRun<CONTEXT>,
  emit: Sink,
  { outcome, error, hasLog }: Failure & { hasLog: boolean },
): Promise<void> {
  const isAbort = outcome === 'aborted'
  await agentRun.settle(isAbort ? 'Aborted before it was done.' : 'Not run: the turn failed.')
  agentRun.reply.finishReason = isAbort ? 'other' : 'error'
  await settle(agentRun, emit, outcome)
  if (isAbort) return emit({ type: 'abort' })
  // In a session, a program that waits for the answer has only the log, and needs the code.
  const code = hasLog && { code: error.code }
  await emit({ type: 'error', errorText: error.message, ...code })
}

async function settle<CONTEXT>(
  agentRun: AgentRun<CONTEXT>,
  emit: Sink,
  outcome: Outcome,
): Promise<void> {
  if (outcome === 'waiting') return
  await agentRun.settleProviderCalls()
  await agentRun.closeQuestions()
  // A client that submits by itself takes a message that ends in tool results for unfinished and
  // posts it again without end (vercel/ai issue 8043). An empty step with metadata after it ends that.
  if (!agentRun.endsInResults) return
  await emit({ type: 'start-step' })
  await emit({ type: 'finish-step' })
}
