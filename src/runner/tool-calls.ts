/**
 * Runs the tool calls of a step, all at once unless the agent says otherwise. A call never ends the
 * turn: whatever goes wrong is told to the model as the call's result. A tool that ignores its signal
 * is left behind when its time is up.
 */
import type { JSONValue } from '@ai-sdk/provider'
import type { ModelMessage, ToolResultPart } from 'ai'

import { errorMessage, LoomError } from '../error.ts'
import { toJson } from '../json.ts'
import { type Sink, SinkFailure } from '../sink.ts'
import { publish } from '../telemetry.ts'
import type { ToolContext } from '../tool.ts'
import type { ToolCall } from './tool-inputs.ts'
import type { ReadyTool, ToolOutput } from './tool-table.ts'

const defaultTimeoutMs = 600_000

export interface ToolCallsOptions {
  emit: Sink
  messages: ModelMessage[]
  signal: AbortSignal
  /** At most so many at a time. */
  concurrency: number
  contextOf: (
    call: ToolCall,
    signal: AbortSignal,
  ) => Omit<ToolContext, 'toolCallId' | 'messages' | 'signal' | 'abortSignal'>
  redact: (text: string) => string
}

/** What became of a call, in the form the model is told. */
export interface ToolOutcome {
  call: ToolCall
  part: ToolResultPart
  isError: boolean
}

/** The outcomes in the order of the calls. */
export async function runToolCalls(
  calls: readonly ToolCall[],
  options: ToolCallsOptions,
): Promise<ToolOutcome[]> {
  const outcomes: ToolOutcome[] = []
  let next = 0
  const work = async () => {
    for (let index = next++; index < calls.length; index = next++) {
      const call = calls[index]
      if (call !== undefined) outcomes[index] = await runToolCall(call, options)
    }
  }
  const workers = Math.max(1, Math.min(options.concurrency, calls.length))
  await Promise.all(Array.from({ length: workers }, work))
  return outcomes
}

async function runToolCall(call: ToolCall, options: ToolCallsOptions): Promise<ToolOutcome> {
  // The client was already told with the refused input.
  if (call.refusal !== undefined) return failed(call, call.refusal)
  const { tool } = call
  if (tool?.execute === undefined) return failed(call, `There is no tool "${call.toolName}".`)
  const labels = { tool: call.toolName, toolCallId: call.toolCallId }
  const started = performance.now()
  publish('tool:start', {}, labels)
  const settled = await outcomeOf(call, tool, options)
  const durationMs = performance.now() - started
  if ('error' in settled) {
    publish('tool:error', { durationMs }, { ...labels, error: settled.error })
    await options.emit({ type: 'tool-output-error', errorText: settled.error, ...ofCall(call) })
    return failed(call, settled.error)
  }
  publish('tool:stop', { durationMs }, labels)
  await options.emit({ type: 'tool-output-available', output: settled.output, ...ofCall(call) })
  return { call, isError: false, part: resultPart(call, settled.modelOutput) }
}

async function outcomeOf(
  call: ToolCall,
  tool: ReadyTool,
  options: ToolCallsOptions,
): Promise<{ output: JSONValue; modelOutput: ToolOutput } | { error: string }> {
  try {
    const output = toJson(await execute(call, tool, options))
    return { output, modelOutput: await modelOutputOf(tool, call, output) }
  } catch (error) {
    if (error instanceof SinkFailure) throw error
    return { error: options.redact(errorMessage(error)) }
  }
}

async function execute(
  call: ToolCall,
  tool: ReadyTool,
  options: ToolCallsOptions,
): Promise<unknown> {
  const controller = new AbortController()
  const stop = () => controller.abort(options.signal.reason)
  options.signal.throwIfAborted()
  options.signal.addEventListener('abort', stop, { once: true })
  const timeoutMs = tool.timeoutMs ?? defaultTimeoutMs
  const timer = setTimeout(
    () => controller.abort(new LoomError('aborted', `Timed out after ${timeoutMs} ms.`)),
    timeoutMs,
  )
  try {
    const { signal } = controller
    const context: ToolContext = {
      ...options.contextOf(call, signal),
      toolCallId: call.toolCallId,
      messages: options.messages,
      signal,
      abortSignal: signal,
    }
    return await Promise.race([settle(call, tool, context, options.emit), rejectedBy(signal)])
  } finally {
    clearTimeout(timer)
    options.signal.removeEventListener('abort', stop)
  }
}

/** Calls the tool; what it yields goes out as preliminary output. */
async function settle(
  call: ToolCall,
  tool: ReadyTool,
  context: ToolContext,
  emit: Sink,
): Promise<unknown> {
  const result = await tool.execute?.(call.checkedInput, context)
  if (!isAsyncIterable(result)) return result
  const iterator = result[Symbol.asyncIterator]()
  let last: unknown
  for (;;) {
    const step = await iterator.next()
    if (step.done === true) return step.value === undefined ? last : step.value
    last = step.value
    // A tool that was given up may go on for a while; nobody is to hear of it.
    if (context.signal.aborted) {
      await iterator.return?.()
      return undefined
    }
    await emit({
      type: 'tool-output-available',
      output: toJson(last),
      preliminary: true,
      ...ofCall(call),
    })
  }
}

function rejectedBy(signal: AbortSignal): Promise<never> {
  const { promise, reject } = Promise.withResolvers<never>()
  const fail = () =>
    reject(signal.reason instanceof Error ? signal.reason : new LoomError('aborted', 'Aborted.'))
  if (signal.aborted) fail()
  else signal.addEventListener('abort', fail, { once: true })
  return promise
}

const isAsyncIterable = (value: unknown): value is AsyncIterable<unknown> =>
  typeof value === 'object' && value !== null && Symbol.asyncIterator in value

async function modelOutputOf(
  tool: ReadyTool,
  call: ToolCall,
  output: JSONValue,
): Promise<ToolOutput> {
  const { toolCallId, input } = call
  if (tool.toModelOutput !== undefined) return tool.toModelOutput({ toolCallId, input, output })
  return typeof output === 'string'
    ? { type: 'text', value: output }
    : { type: 'json', value: output }
}

/** The fields that every output event of a call carries. */
export const ofCall = (call: ToolCall) => ({
  toolCallId: call.toolCallId,
  ...(call.dynamic && { dynamic: true }),
})

export const resultPart = (call: ToolCall, output: ToolOutput): ToolResultPart => ({
  type: 'tool-result',
  toolCallId: call.toolCallId,
  toolName: call.toolName,
  output,
})

/** A call that ended in an error which the client knows of. */
export const failed = (call: ToolCall, text: string): ToolOutcome => ({
  call,
  isError: true,
  part: resultPart(call, { type: 'error-text', value: text }),
})
