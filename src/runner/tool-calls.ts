/**
 * Runs the tool calls of a step, all at once unless the agent sets a limit. A call never ends the
 * turn: the model receives any failure as the call's result. A tool that ignores its signal is
 * abandoned when its time is up. The file is long because the outcome of a call covers all of its
 * life: time limit, preliminary output, result, failure.
 */
import { setTimeout as delay } from 'node:timers/promises'

import type { JSONValue } from '@ai-sdk/provider'
import type { ModelMessage, ToolResultPart } from 'ai'

import { errorMessage, LoomError } from '../ground/error.ts'
import { toJson } from '../ground/json.ts'
import { publish } from '../ground/telemetry.ts'
import { abortError, timerMaxMs, untilAborted } from '../ground/until-aborted.ts'
import { toolOutput } from '../model/prompt/tool-output.ts'
import { type Sink, SinkFailure } from '../sink.ts'
import type { ToolContext } from '../tool.ts'
import { outputOf, restAfter } from './output-limits.ts'
import type { ToolCall } from './tool-inputs.ts'
import type { ReadyTool, ToolOutput } from './tool-table.ts'

const defaultTimeoutMs = 600_000

/** The time in which an aborted tool that has shown progress may still return its own result. */
const lastWordsMs = 1000
/** Characters of the progress that the model receives if the tool returns no result of its own. */
const progressCharsMax = 50_000

export interface ToolCallsOptions {
  emit: Sink
  messages: ModelMessage[]
  signal: AbortSignal
  /** The greatest number of calls at a time. */
  concurrency: number
  contextOf: (
    call: ToolCall,
    signal: AbortSignal,
  ) => Omit<ToolContext, 'toolCallId' | 'messages' | 'signal' | 'abortSignal'>
  redact: (text: string) => string
  /** Awaited before each call. */
  beforeStart?: (() => Promise<void>) | undefined
}

/** The outcome of a call, in the form that the model receives. */
export interface ToolOutcome {
  call: ToolCall
  part: ToolResultPart
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
  const started = performance.now()
  publish('tool:start', () => [{}, labels])
  const settled = await outcomeOf(call, options)
  const durationMs = performance.now() - started
  if ('error' in settled) {
    const { error } = settled
    publish('tool:error', () => [{ durationMs }, { ...labels, error }])
    await options.emit({ type: 'tool-output-error', errorText: error, ...ofCall(call) })
    return failed(call, error)
  }
  publish('tool:stop', () => [{ durationMs }, labels])
  await options.emit({ type: 'tool-output-available', output: settled.output, ...ofCall(call) })
  await restAfter(settled.output)
  return { call, part: resultPart(call, settled.modelOutput) }
}

interface Success {
  output: JSONValue
  /** The output in the form that the model receives. */
  modelOutput: ToolOutput
}

async function outcomeOf(
  call: ToolCall,
  options: ToolCallsOptions,
): Promise<Success | { error: string }> {
  const { tool } = call
  if (tool?.execute === undefined)
    return { error: `There is no tool "${call.toolName}" that this server can run.` }
  const { timeoutMs = defaultTimeoutMs } = tool
  const late = new AbortController()
  const timer = setTimeout(
    () => late.abort(new LoomError('aborted', `Timed out after ${timeoutMs} ms.`)),
    Math.min(timeoutMs, timerMaxMs),
  )
  const signal = AbortSignal.any([options.signal, late.signal])
  const progress = new Progress()
  let running: Promise<Success> | undefined
  try {
    await options.beforeStart?.()
    return await untilAborted(signal, () => {
      running = succeed(call, tool, { ...options, signal, progress })
      return running
    })
  } catch (error) {
    if (error instanceof SinkFailure) throw error
    const own = signal.aborted ? await progress.ending(running, signal) : undefined
    if (own !== undefined && 'output' in own) return own
    return { error: options.redact(own?.error ?? errorMessage(error)) }
  } finally {
    clearTimeout(timer)
  }
}

/**
 * The progress that a tool has shown. The output of a stopped command tells the model more than the
 * fact that it was stopped, so an aborted tool has a short time to end by itself.
 */
class Progress {
  #last: unknown

  show(output: unknown): void {
    this.#last = output
  }

  /** The end of an aborted call. Undefined if it showed no progress, or another process continues it. */
  async ending(
    running: Promise<Success> | undefined,
    signal: AbortSignal,
  ): Promise<Success | { error: string } | undefined> {
    const { reason }: { reason: unknown } = signal
    if (running === undefined || this.#last === undefined) return undefined
    if (reason instanceof LoomError && reason.code === 'lost') return undefined
    const over = new AbortController()
    const end = await Promise.race([
      running.catch((error: unknown) => ({ error })),
      delay(lastWordsMs, undefined, { signal: over.signal }).catch(() => undefined),
    ])
    over.abort()
    if (end !== undefined && 'output' in end) return end
    const words = errorMessage(end === undefined ? abortError(signal) : end.error)
    const text = this.#text
    // The final error of a command already holds its output.
    if (words.includes(text.trim())) return { error: words }
    return { error: `${words}\n\nOutput until then:\n${text}` }
  }

  get #text(): string {
    const text = typeof this.#last === 'string' ? this.#last : JSON.stringify(toJson(this.#last))
    return text.slice(-progressCharsMax).toWellFormed()
  }
}

async function succeed(
  call: ToolCall,
  tool: ReadyTool,
  options: ToolCallsOptions & { progress: Progress },
): Promise<Success> {
  const { signal, messages } = options
  const result = await tool.execute?.(call.checkedInput, {
    ...options.contextOf(call, signal),
    toolCallId: call.toolCallId,
    messages,
    signal,
    abortSignal: signal,
  })
  const last = isAsyncIterable(result) ? await lastOf(result, call, options) : result
  const output = await outputOf(last)
  return { output, modelOutput: await modelOutputOf(tool, call, output) }
}

/** Emits each value of a generator as preliminary output. Returns the last one as the result. */
async function lastOf(
  results: AsyncIterable<unknown>,
  call: ToolCall,
  { signal, emit, progress }: ToolCallsOptions & { progress: Progress },
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
