/**
 * Runs the tool calls of a step, all at once unless the agent sets a limit. A call never ends the
 * turn: the model receives any failure as the call's result. A tool that ignores its signal is
 * abandoned when its time is up. The file is long because the outcome of a call covers all of its
 * life: time limit, preliminary output, result, failure.
 */
import type { JSONValue } from '@ai-sdk/provider'
import type { ModelMessage, ToolResultPart } from 'ai'

import { ParkedCall } from '../call-task.ts'
import type { DataSchemas } from '../data-part.ts'
import type { StepRecord } from '../event.ts'
import type { Clock } from '../ground/clock.ts'
import { errorMessage, LoomError } from '../ground/error.ts'
import { inTrace } from '../ground/trace.ts'
import { timerMaxMs, untilAborted } from '../ground/until-aborted.ts'
import { toolOutput } from '../model/prompt/tool-output.ts'
import { type Sink, SinkFailure } from '../sink.ts'
import type { ToolContext } from '../tool.ts'
import { CallData, schemaIn } from './call-data.ts'
import { CallSteps } from './call-steps.ts'
import { outputOf, restAfter } from './output-limits.ts'
import type { RunTelemetry } from './run-telemetry.ts'
import { beforeCall, decisionAfter, infoOf, type ToolHooks } from './tool-hook-calls.ts'
import type { ToolCall } from './tool-inputs.ts'
import { type Settled, type Success, ToolProgress } from './tool-progress.ts'
import { defaultTimeoutMs, type ReadyTool, type ToolOutput } from './tool-table.ts'

export interface ToolCallsOptions {
  emit: Sink
  messages: ModelMessage[]
  signal: AbortSignal
  clock: Clock
  telemetry: RunTelemetry
  /** The greatest number of calls at a time. */
  concurrency: number
  contextOf: (
    call: ToolCall,
    signal: AbortSignal,
    data: CallData,
  ) => Omit<ToolContext, 'toolCallId' | 'messages' | 'signal' | 'abortSignal' | 'step' | 'write'>
  redact: (text: string) => string
  /** Awaited before each call. */
  beforeStart?: (() => Promise<void>) | undefined
  /** Stores a finished step of a call. Undefined if there is no session. */
  record?: ((step: StepRecord) => Promise<void>) | undefined
  /** The hooks of the agent. */
  hooks: ToolHooks | undefined
  /** The agent's schemas of data parts. The schema of a tool comes first. */
  dataSchemas: DataSchemas | undefined
  /** The ids of the calls above this run, as the beginning of the ids of data parts. '' if there are none. */
  callPath: string
}

/** The options of one call. */
type CallOptions = ToolCallsOptions & { steps: CallSteps; data: CallData }

/** The outcome of a call, in the form that the model receives. */
export interface ToolOutcome {
  call: ToolCall
  /** Undefined for a call that has no outcome yet, because its task waits for a client or a human. */
  part: ToolResultPart | undefined
}

/** Returns the outcomes in the order of the calls. */
export async function runToolCalls(
  calls: readonly ToolCall[],
  options: ToolCallsOptions,
): Promise<ToolOutcome[]> {
  const outcomes: ToolOutcome[] = []
  const discard = new AbortController()
  const signal = AbortSignal.any([options.signal, discard.signal])
  let next = 0
  const work = async () => {
    for (let index = next++; index < calls.length; index = next++) {
      const call = calls[index]
      if (call !== undefined) outcomes[index] = await runToolCall(call, { ...options, signal })
    }
  }
  const workers = Math.min(options.concurrency, calls.length)
  try {
    await Promise.all(Array.from({ length: workers }, work))
  } catch (error) {
    // The sink failed, so the turn is over and nothing needs the results of the other tools.
    discard.abort(error)
    throw error
  }
  return outcomes
}

async function runToolCall(call: ToolCall, options: ToolCallsOptions): Promise<ToolOutcome> {
  // The client already received the refusal, with the input.
  if (call.refusal !== undefined) return failed(call, call.refusal)
  const labels = { tool: call.toolName, toolCallId: call.toolCallId }
  const { clock, telemetry } = options
  const started = clock.elapsed()
  telemetry.publish('tool:start', () => [{}, labels])
  const { beforeStart, record } = options
  const steps = new CallSteps({ call, beforeStart, record })
  const data = dataOf(call, options)
  const callOptions = { ...options, steps, data }
  const outcome = await inTrace(
    () => ({ type: 'tool', runId: telemetry.labels.runId, toolCallId: call.toolCallId }),
    () => outcomeOf(call, callOptions),
  )
  steps.close()
  data.close()
  if (outcome === 'parked') {
    telemetry.publish('tool:stop', () => [{ durationMs: clock.elapsed() - started }, labels])
    return { call, part: undefined }
  }
  const settled = await afterCall(call, outcome, { options: callOptions, started })
  const durationMs = clock.elapsed() - started
  if ('error' in settled) {
    const { error } = settled
    telemetry.publish('tool:error', () => [{ durationMs }, { ...labels, error }])
    await options.emit({ type: 'tool-output-error', errorText: error, ...ofCall(call) })
    return failed(call, error)
  }
  telemetry.publish('tool:stop', () => [{ durationMs }, labels])
  await options.emit({ type: 'tool-output-available', output: settled.output, ...ofCall(call) })
  await restAfter(settled.output)
  return { call, part: resultPart(call, settled.modelOutput) }
}

function dataOf(call: ToolCall, { emit, dataSchemas, callPath }: ToolCallsOptions): CallData {
  const schemas = [call.tool?.dataSchemas, dataSchemas]
  const idPrefix = callPath + call.toolCallId
  return new CallData({ emit, idPrefix, schemaOf: (name) => schemaIn(name, schemas) })
}

/** The outcome of a call after the agent's `afterTool`. A stopped turn does not wait for it. */
async function afterCall(
  call: ToolCall,
  outcome: Settled,
  { options, started }: { options: CallOptions; started: number },
): Promise<Settled> {
  const { tool } = call
  const after = options.hooks?.after
  if (after === undefined || tool?.execute === undefined || options.signal.aborted) return outcome
  const limit = timeLimit(tool, options.clock)
  const signal = AbortSignal.any([options.signal, limit.signal])
  const info = infoOf(call, contextOf(call, { ...options, signal }))
  const durationMs = options.clock.elapsed() - started
  const result = 'error' in outcome ? { error: outcome.error } : { output: outcome.output }
  try {
    const returned = await untilAborted(signal, () => after({ ...info, ...result, durationMs }))
    const decision = decisionAfter(returned)
    if (decision === undefined || 'error' in decision) return decision ?? outcome
    return await successOf(tool, call, decision.output)
  } catch (error) {
    return { error: options.redact(`afterTool failed: ${errorMessage(error)}`) }
  } finally {
    limit.close()
  }
}

async function outcomeOf(call: ToolCall, options: CallOptions): Promise<Settled | 'parked'> {
  const { tool } = call
  if (tool?.execute === undefined)
    return { error: `There is no tool "${call.toolName}" that this server can run.` }
  const limit = timeLimit(tool, options.clock)
  const signal = AbortSignal.any([options.signal, limit.signal])
  const progress = new ToolProgress()
  let running: Promise<Success> | undefined
  try {
    await options.beforeStart?.()
    return await untilAborted(signal, () => {
      running = succeed(call, tool, { ...options, signal, progress })
      return running
    })
  } catch (error) {
    if (error instanceof SinkFailure) throw error
    if (error instanceof ParkedCall) return 'parked'
    const own = signal.aborted ? await progress.ending(running, signal) : undefined
    if (own !== undefined && 'output' in own) return own
    return { error: options.redact(own?.error ?? errorMessage(error)) }
  } finally {
    limit.close()
  }
}

/** The time limit of a call of a tool. */
function timeLimit({ timeoutMs = defaultTimeoutMs }: ReadyTool, clock: Clock) {
  const late = new AbortController()
  const close = clock.setTimeout(
    () => late.abort(new LoomError('aborted', `Timed out after ${timeoutMs} ms.`)),
    Math.min(timeoutMs, timerMaxMs),
  )
  return { signal: late.signal, close }
}

async function succeed(
  call: ToolCall,
  tool: ReadyTool,
  options: CallOptions & { progress: ToolProgress },
): Promise<Success> {
  const context = contextOf(call, options)
  const before = await beforeCall(call, tool, { hooks: options.hooks, context })
  if ('output' in before) return successOf(tool, call, before.output)
  const last = await resultOf(tool, before.call, { ...options, context })
  await options.data.settle()
  return successOf(tool, before.call, last)
}

async function resultOf(
  tool: ReadyTool,
  call: ToolCall,
  options: CallOptions & { progress: ToolProgress; context: ToolContext },
): Promise<unknown> {
  try {
    const result = await tool.execute?.(call.checkedInput, options.context)
    return isAsyncIterable(result) ? await lastOf(result, call, options) : result
  } catch (error) {
    // The parts that the tool wrote before its error are sent before the error.
    await options.data.sent()
    throw error
  }
}

function contextOf(call: ToolCall, options: CallOptions): ToolContext {
  const { signal, messages, steps, data } = options
  const { toolCallId } = call
  const context = options.contextOf(call, signal, data)
  const attempt = { key: context.idempotencyKey, signal }
  return {
    ...context,
    step: (name, work) => steps.run(name, work, attempt),
    write: (part) => data.write(part, signal),
    toolCallId,
    messages,
    signal,
    abortSignal: signal,
  }
}

async function successOf(tool: ReadyTool, call: ToolCall, value: unknown): Promise<Success> {
  const output = await outputOf(value)
  return { output, modelOutput: await modelOutputOf(tool, call, output) }
}

/** Emits each value of a generator as preliminary output. Returns the last one as the result. */
async function lastOf(
  results: AsyncIterable<unknown>,
  call: ToolCall,
  { signal, emit, progress }: ToolCallsOptions & { progress: ToolProgress },
): Promise<unknown> {
  const iterator = results[Symbol.asyncIterator]()
  let last: unknown
  try {
    for (;;) {
      const step = await iterator.next()
      if (step.done === true) return step.value === undefined ? last : step.value
      // A generator may continue after its call was aborted. Its values must not be emitted.
      signal.throwIfAborted()
      last = step.value
      progress.show(last)
      await emit({
        type: 'tool-output-available',
        output: await outputOf(last),
        preliminary: true,
        ...ofCall(call),
      })
    }
  } catch (error) {
    close(iterator).catch(() => undefined)
    throw error
  }
}

/** Lets a generator clean up. Its result is ignored. */
async function close(iterator: AsyncIterator<unknown>): Promise<void> {
  await iterator.return?.()
}

const isAsyncIterable = (value: unknown): value is AsyncIterable<unknown> =>
  typeof value === 'object' && value !== null && Symbol.asyncIterator in value

async function modelOutputOf(
  tool: ReadyTool,
  call: ToolCall,
  output: JSONValue,
): Promise<ToolOutput> {
  const { toolCallId, checkedInput: input } = call
  if (tool.toModelOutput !== undefined) {
    const modelOutput = await tool.toModelOutput({ toolCallId, input, output })
    // A value without a prompt form would break every later step. Instead, only this call fails.
    toolOutput(modelOutput)
    return modelOutput
  }
  return typeof output === 'string'
    ? { type: 'text', value: output }
    : { type: 'json', value: output }
}

/** The fields that every output event of a call has. */
export const ofCall = (call: Pick<ToolCall, 'toolCallId' | 'dynamic'>) => ({
  toolCallId: call.toolCallId,
  ...(call.dynamic && { dynamic: true }),
})

export const resultPart = (call: ToolCall, output: ToolOutput): ToolResultPart => ({
  type: 'tool-result',
  toolCallId: call.toolCallId,
  toolName: call.toolName,
  output,
})

/** The outcome of a call that ended in an error. The error event was already emitted. */
export const failed = (call: ToolCall, text: string): ToolOutcome => ({
  call,
  part: resultPart(call, { type: 'error-text', value: text }),
})
