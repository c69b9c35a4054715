/** The settings of one run: the values of an agent's callbacks, with LoomEx's defaults. */
import type { JSONObject } from '@ai-sdk/provider'
import type { FlexibleSchema } from 'ai'

import type { Agent, Budget, OfContext, RetryPolicy, TimeLimits } from '../agent.ts'
import type { Sampling } from '../answer-settings.ts'
import type { AgentCompaction } from '../compaction.ts'
import { checkValue, type ValueName, wrongValue } from '../ground/agent-values.ts'
import { LoomError } from '../ground/error.ts'
import type { ModelReference } from '../model.ts'
import type { RunOptions } from '../run-options.ts'
import type { ProviderOptions, ToolChoice } from '../step-preparation.ts'
import type { SystemPrompt } from '../system-prompt.ts'
import { type CallbackCall, callbackResult } from './callback-result.ts'
import { contextOf } from './context.ts'
import { outputSchema, type OutputSchema } from './output/output-schema.ts'
import { defaultTimeLimits } from './read-model.ts'
import { defaultRetryPolicy } from './retry.ts'
import { type ToolTable, toolTable } from './tool-table.ts'

export interface RunSettings {
  systemPrompt: SystemPrompt
  tools: ToolTable
  /** Undefined if all tools are active. */
  activeTools: readonly string[] | undefined
  toolChoice: ToolChoice | undefined
  /** The tool choice of the first step. Undefined: that of every step. */
  firstToolChoice: ToolChoice | undefined
  /** The schema of the final answer. */
  output: OutputSchema | undefined
  /** Whether the model corrects its final answer in this step. */
  isRepair: boolean
  /** The model and its fallbacks; empty only in `noRunSettings`. */
  models: readonly ModelReference[]
  maxSteps: number
  /** Undefined if the agent does not set it. The same applies to `contextWindow`. */
  temperature: number | undefined
  contextWindow: number | undefined
  compaction: AgentCompaction
  extraBody: JSONObject
  providerOptions: ProviderOptions
  maxOutputTokens: number | undefined
  sampling: Sampling
  budget: Budget
  sessionBudget: Budget
  toolConcurrency: number
  retry: RetryPolicy
  limits: TimeLimits
}

/** The settings of a run that was aborted before its settings were read. */
export const noRunSettings: RunSettings = {
  systemPrompt: '',
  tools: new Map(),
  activeTools: undefined,
  toolChoice: undefined,
  firstToolChoice: undefined,
  output: undefined,
  isRepair: false,
  models: [],
  maxSteps: 0,
  temperature: undefined,
  contextWindow: undefined,
  compaction: {},
  extraBody: {},
  providerOptions: {},
  maxOutputTokens: undefined,
  sampling: {},
  budget: {},
  sessionBudget: {},
  toolConcurrency: 1,
  retry: defaultRetryPolicy,
  limits: defaultTimeLimits,
}

/**
 * @throws LoomError `unknown-model` if no model is set; `invalid-config` for a value of another form; any
 * error of a callback
 */
export async function readRunSettings<CONTEXT>(
  agent: Agent<CONTEXT>,
  options: RunOptions<CONTEXT>,
): Promise<RunSettings> {
  const context = contextOf(options)
  const limits = { ...defaultTimeLimits, ...options.limits, ...agent.limits }
  const callOf = (name: string) => ({
    name: `${name} of agent "${agent.name}"`,
    limitMs: limits.stepMs,
  })
  const valueOf = async <VALUE>(
    name: ValueName,
    value: OfContext<VALUE, CONTEXT>,
  ): Promise<VALUE> => {
    const own = await resolved(callOf(name), value, context)
    checkValue(agent.name, name, own)
    return own
  }
  const [
    systemPrompt,
    tools,
    activeTools,
    toolChoice,
    output,
    model,
    maxSteps,
    temperature,
    contextWindow,
    extraBody,
    providerOptions,
    maxOutputTokens,
    maxCost,
    maxTokens,
    sessionBudget,
  ] = await Promise.all([
    valueOf('systemPrompt', agent.systemPrompt),
    valueOf('tools', agent.tools).then(toolTable),
    valueOf('activeTools', agent.activeTools),
    valueOf('toolChoice', agent.toolChoice),
    outputOf(agent, context, limits.stepMs),
    options.model ?? resolved(callOf('model'), agent.model, context),
    valueOf('maxSteps', agent.maxSteps),
    valueOf('temperature', agent.temperature),
    valueOf('contextWindow', agent.contextWindow),
    valueOf('extraBody', agent.extraBody),
    valueOf('providerOptions', agent.providerOptions),
    valueOf('maxOutputTokens', agent.maxOutputTokens),
    valueOf('maxCost', agent.maxCost),
    valueOf('maxTokens', agent.maxTokens),
    valueOf('sessionBudget', agent.sessionBudget),
  ])
  if (systemPrompt === undefined)
    throw wrongValue(agent.name, 'systemPrompt must return a text', systemPrompt)
  return {
    systemPrompt,
    tools,
    activeTools,
    toolChoice,
    firstToolChoice: undefined,
    output,
    isRepair: false,
    models: modelList(model ?? options.defaultModel, agent.name),
    maxSteps: maxSteps ?? 10,
    temperature,
    contextWindow,
    compaction: agent.compaction ?? {},
    extraBody: extraBody ?? {},
    providerOptions: providerOptions ?? {},
    maxOutputTokens,
    sampling: {},
    budget: {
      ...(maxCost !== undefined && { maxCost }),
      ...(maxTokens !== undefined && { maxTokens }),
    },
    sessionBudget: sessionBudget ?? {},
    toolConcurrency: Math.max(1, agent.toolConcurrency ?? Number.POSITIVE_INFINITY),
    retry: { ...defaultRetryPolicy, ...agent.retry },
    limits,
  }
}

/**
 * @param limitMs the longest wait for the callback, in milliseconds
 * @throws LoomError `invalid-config` for a value that is no schema or has no JSON form; the error of the
 * callback
 */
export async function outputOf<CONTEXT>(
  { name: agent, output }: Agent<CONTEXT>,
  context: CONTEXT,
  limitMs: number = defaultTimeLimits.stepMs,
): Promise<OutputSchema | undefined> {
  if (output === undefined) return undefined
  if (isSchema(output)) return outputSchema(output, agent)
  const name = `output of agent "${agent}"`
  const schema = await resolved({ name, limitMs }, output, context)
  return outputSchema(schema, agent)
}

/** The schemas of some libraries are functions too. */
const isSchema = (value: unknown): value is FlexibleSchema<unknown> =>
  typeof value === 'function' && '~standard' in value

async function resolved<VALUE, CONTEXT>(
  call: CallbackCall,
  value: OfContext<VALUE, CONTEXT>,
  context: CONTEXT,
): Promise<VALUE> {
  return isCallback(value) ? callbackResult(call, () => value(context)) : value
}

const isCallback = <VALUE, CONTEXT>(
  value: OfContext<VALUE, CONTEXT>,
): value is (context: CONTEXT) => VALUE | Promise<VALUE> => typeof value === 'function'

function modelList(
  model: ModelReference | readonly ModelReference[] | undefined,
  agent: string,
): readonly ModelReference[] {
  const list = isList(model) ? model : model === undefined ? [] : [model]
  if (list.length > 0) return list
  throw new LoomError(
    'unknown-model',
    `Agent "${agent}" has no model. Set the \`model\` of the agent or of the call to "provider/model-id". LOOM_MODEL counts only for the command loom.`,
  )
}

export const isList = (
  model: ModelReference | readonly ModelReference[] | undefined,
): model is readonly ModelReference[] => Array.isArray(model)
