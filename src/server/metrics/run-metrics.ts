/** The metrics of runs: steps, model calls with their tokens, cost and pauses, and tool calls. */
import { Counter, Histogram, type Registry } from 'prom-client'

import type { SpendingMeasures } from '../../ground/telemetry-events.ts'
import { subscribeTo } from '../../ground/telemetry.ts'
import type { Labels } from './label-values.ts'
import { PauseHistogram } from './pause-histogram.ts'

const firstTokenSeconds = [0.1, 0.25, 0.5, 1, 2, 3, 5, 10, 20, 30, 60]
const callSeconds = [0.25, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600]
const toolSeconds = [0.01, 0.05, 0.1, 0.5, 1, 2, 5, 10, 30, 60, 300, 900]

/** Returns the functions that end the subscriptions. */
export function runMetrics(registry: Registry, labels: Labels): (() => void)[] {
  return [
    ...stepMetrics(registry, labels),
    ...modelMetrics(registry, labels),
    ...toolMetrics(registry, labels),
  ]
}

function stepMetrics(registry: Registry, { agent }: Labels): (() => void)[] {
  const registers = [registry]
  const runs = new Counter({
    name: 'loom_runs_total',
    help: 'Runs of agents, also of sub-agents, by result.',
    labelNames: ['agent', 'result'],
    registers,
  })
  const steps = new Counter({
    name: 'loom_steps_total',
    help: 'Steps of runs.',
    labelNames: ['agent'],
    registers,
  })
  return [
    subscribeTo('agent:stop', ({ metadata }) => {
      runs.inc({ agent: agent.of(metadata.agent), result: metadata.result })
    }),
    subscribeTo('step:stop', ({ metadata }) => steps.inc({ agent: agent.of(metadata.agent) })),
  ]
}

function modelMetrics(registry: Registry, labels: Labels): (() => void)[] {
  const registers = [registry]
  const tokens = new Counter({
    name: 'loom_tokens_total',
    help: 'Tokens of model calls. cached_input is a part of input, and reasoning a part of output.',
    labelNames: ['agent', 'model', 'kind'],
    registers,
  })
  const cost = new Counter({
    name: 'loom_cost_usd_total',
    help: 'Cost of model calls in US dollars, as far as it is known.',
    labelNames: ['agent', 'model'],
    registers,
  })
  const unpriced = new Counter({
    name: 'loom_unpriced_calls_total',
    help: 'Model calls with tokens and without a known cost.',
    labelNames: ['model'],
    registers,
  })
  const durations = new Histogram({
    name: 'loom_model_call_duration_seconds',
    help: 'Time of a model call, by the reason of its end.',
    labelNames: ['model', 'finish'],
    buckets: callSeconds,
    registers,
  })
  const firsts = new Histogram({
    name: 'loom_time_to_first_token_seconds',
    help: 'Time from the start of a model call to its first text, reasoning or tool call.',
    labelNames: ['model'],
    buckets: firstTokenSeconds,
    registers,
  })
  const pauses = new PauseHistogram(registry)
  const retries = new Counter({
    name: 'loom_model_retries_total',
    help: 'Model calls that failed and were repeated.',
    labelNames: ['model'],
    registers,
  })
  return [
    subscribeTo('llm:stop', ({ measurements, metadata }) => {
      const agent = labels.agent.of(metadata.agent)
      const model = labels.model.of(metadata.model)
      const { durationMs, firstContentMs, costUsd } = measurements
      durations.observe({ model, finish: metadata.finishReason }, durationMs / 1000)
      if (firstContentMs !== undefined) firsts.observe({ model }, firstContentMs / 1000)
      if (metadata.pauses !== undefined) pauses.add(model, metadata.pauses)
      for (const [kind, count] of tokensIn(measurements)) tokens.inc({ agent, model, kind }, count)
      if (costUsd !== undefined) cost.inc({ agent, model }, costUsd)
      else if (measurements.totalTokens > 0) unpriced.inc({ model })
    }),
    subscribeTo('llm:retry', ({ metadata }) =>
      retries.inc({ model: labels.model.of(metadata.model) }),
    ),
  ]
}

const tokensIn = (measures: SpendingMeasures): [kind: string, count: number][] => [
  ['input', measures.inputTokens],
  ['output', measures.outputTokens],
  ['cached_input', measures.cachedInputTokens],
  ['reasoning', measures.reasoningTokens],
]

function toolMetrics(registry: Registry, labels: Labels): (() => void)[] {
  const durations = new Histogram({
    name: 'loom_tool_duration_seconds',
    help: 'Time of a tool call, by outcome.',
    labelNames: ['tool', 'outcome'],
    buckets: toolSeconds,
    registers: [registry],
  })
  const note = (tool: string, outcome: 'ok' | 'error', durationMs: number) =>
    durations.observe({ tool: labels.tool.of(tool), outcome }, durationMs / 1000)
  return [
    subscribeTo('tool:stop', ({ measurements, metadata }) => {
      note(metadata.tool, 'ok', measurements.durationMs)
    }),
    subscribeTo('tool:error', ({ measurements, metadata }) => {
      note(metadata.tool, 'error', measurements.durationMs)
    }),
  ]
}
