/**
 * The spans of runs: a run of an agent (`invoke_agent`), its steps, the model calls (`chat`) and the tool calls
 * (`execute_tool`) of a step. A sub-agent in a run is below the tool call that started it.
 */
import {
  type Attributes,
  context,
  type Span,
  SpanKind,
  type Tracer,
  trace,
} from '@opentelemetry/api'

import type { RunLabels, SpendingMeasures } from '../../ground/telemetry-events.ts'
import { subscribeTo } from '../../ground/telemetry.ts'
import { type TracedWork, turnName } from '../../ground/trace.ts'
import { idAttributes, modelAttributes, modelIdOf, spendingAttributes } from './attributes.ts'
import { markFailed } from './failure.ts'
import type { TurnSpans } from './turn-spans.ts'

interface RunningSpans {
  run: Span
  step: Span | undefined
  /** One after the other. */
  chat: Span | undefined
  /** By the ids of the calls. */
  tools: Map<string, Span>
}

export class RunSpans {
  readonly #tracer: Tracer
  readonly #turns: TurnSpans
  /** By the ids of the runs. */
  readonly #runs = new Map<string, RunningSpans>()

  constructor(tracer: Tracer, turns: TurnSpans) {
    this.#tracer = tracer
    this.#turns = turns
  }

  spanOf(work: Exclude<TracedWork, { type: 'turn' }>): Span | undefined {
    const spans = this.#runs.get(work.runId)
    return work.type === 'tool' ? spans?.tools.get(work.toolCallId) : spans?.chat
  }

  /** Returns the functions that end the subscriptions. */
  subscribe(): (() => void)[] {
    return [...this.#subscribeToRuns(), ...this.#subscribeToModels(), ...this.#subscribeToTools()]
  }

  #subscribeToRuns(): (() => void)[] {
    return [
      subscribeTo('agent:start', ({ metadata }) => {
        const attributes = { ...idAttributes(metadata), 'gen_ai.operation.name': 'invoke_agent' }
        const run = this.#start(`invoke_agent ${metadata.agent}`, attributes, this.#above(metadata))
        this.#runs.set(metadata.runId, { run, step: undefined, chat: undefined, tools: new Map() })
      }),
      subscribeTo('agent:stop', ({ measurements, metadata: { runId, result } }) => {
        const spans = this.#runs.get(runId)
        if (spans === undefined) return
        this.#runs.delete(runId)
        const { run, step, chat, tools } = spans
        // A tool that still works after the end of its run sends no event that ends its span.
        for (const open of [...tools.values(), chat, step]) open?.end()
        run.setAttributes({ ...spendingAttributes(measurements), 'loom.run.result': result })
        if (result === 'error') markFailed(run)
        run.end()
      }),
      subscribeTo('step:start', ({ metadata: { runId, step } }) => {
        const spans = this.#runs.get(runId)
        if (spans === undefined) return
        spans.step = this.#start(`step ${step}`, { 'loom.step': step }, spans.run)
      }),
      subscribeTo('step:stop', ({ metadata: { runId } }) => {
        const spans = this.#runs.get(runId)
        spans?.step?.end()
        if (spans !== undefined) spans.step = undefined
      }),
      subscribeTo('context:compact', ({ measurements, metadata: { runId, removed, kept } }) => {
        const { tokensBefore, tokensAfter } = measurements
        this.#within(runId)?.addEvent('loom.context.compact', {
          'loom.context.tokens_before': tokensBefore,
          'loom.context.tokens_after': tokensAfter,
          'loom.context.messages_removed': removed,
          'loom.context.messages_kept': kept,
        })
      }),
    ]
  }

  #subscribeToModels(): (() => void)[] {
    return [
      subscribeTo('llm:start', ({ metadata: { runId, model, messageCount, ...labels } }) => {
        const spans = this.#runs.get(runId)
        if (spans === undefined) return
        const attributes = {
          ...modelAttributes(model),
          'gen_ai.operation.name': 'chat',
          'gen_ai.request.stream': true,
          'gen_ai.agent.name': labels.agent,
          'gen_ai.conversation.id': labels.sessionId,
          'loom.prompt.messages': messageCount,
        }
        const above = spans.step ?? spans.run
        spans.chat = this.#start(`chat ${modelIdOf(model)}`, attributes, above, SpanKind.CLIENT)
      }),
      subscribeTo('llm:stop', ({ measurements, metadata: { runId, finishReason } }) => {
        const spans = this.#runs.get(runId)
        if (spans?.chat === undefined) return
        spans.chat.setAttributes(replyAttributes(measurements, finishReason))
        if (finishReason === 'error') markFailed(spans.chat)
        spans.chat.end()
        spans.chat = undefined
      }),
      subscribeTo('llm:retry', ({ measurements, metadata: { runId, model, attempt } }) => {
        this.#within(runId)?.addEvent('loom.model.retry', {
          ...modelAttributes(model),
          'loom.retry.attempt': attempt,
          'loom.retry.delay': measurements.delayMs / 1000,
        })
      }),
    ]
  }

  #subscribeToTools(): (() => void)[] {
    const end = ({ runId, toolCallId }: { runId: string; toolCallId: string }, failed: boolean) => {
      const tools = this.#runs.get(runId)?.tools
      const span = tools?.get(toolCallId)
      tools?.delete(toolCallId)
      if (span !== undefined && failed) markFailed(span, 'tool_error')
      span?.end()
    }
    return [
      subscribeTo('tool:start', ({ metadata: { runId, tool, toolCallId, ...labels } }) => {
        const spans = this.#runs.get(runId)
        const attributes = {
          'gen_ai.operation.name': 'execute_tool',
          'gen_ai.tool.name': tool,
          'gen_ai.tool.call.id': toolCallId,
          'gen_ai.tool.type': 'function',
          'gen_ai.agent.name': labels.agent,
          'gen_ai.conversation.id': labels.sessionId,
        }
        const above = spans?.step ?? spans?.run
        spans?.tools.set(toolCallId, this.#start(`execute_tool ${tool}`, attributes, above))
      }),
      subscribeTo('tool:stop', ({ metadata }) => end(metadata, false)),
      subscribeTo('tool:error', ({ metadata }) => end(metadata, true)),
    ]
  }

  /** The tool call or the turn above a run. Undefined for a run that a program starts. */
  #above({ parentRunId, parentToolCallId, ...labels }: RunLabels): Span | undefined {
    if (parentRunId !== undefined) {
      const above = this.#runs.get(parentRunId)
      return above?.tools.get(parentToolCallId ?? '') ?? above?.run
    }
    const { sessionId } = labels
    return sessionId === undefined
      ? undefined
      : this.#turns.spanOf(turnName({ ...labels, sessionId }))
  }

  #within(runId: string): Span | undefined {
    const spans = this.#runs.get(runId)
    return spans?.step ?? spans?.run
  }

  /** @param above the parent. Undefined takes the span of the code that runs now. */
  #start(name: string, attributes: Attributes, above: Span | undefined, kind = SpanKind.INTERNAL) {
    const now = context.active()
    const parent = above === undefined ? now : trace.setSpan(now, above)
    return this.#tracer.startSpan(name, { attributes, kind }, parent)
  }
}

const replyAttributes = (
  { firstContentMs, ...spent }: SpendingMeasures & { firstContentMs?: number },
  finishReason: string,
): Attributes => ({
  ...spendingAttributes(spent),
  'gen_ai.response.finish_reasons': [finishReason],
  ...(firstContentMs !== undefined && {
    'gen_ai.response.time_to_first_chunk': firstContentMs / 1000,
  }),
})
