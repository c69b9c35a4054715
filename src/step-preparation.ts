/** The settings of one step, as an agent's `prepareStep` changes them. The names are those of the AI SDK 7. */
import type { JSONObject } from '@ai-sdk/provider'
import type { ModelMessage } from 'ai'

import type { ModelReference } from './model.ts'
import type { Cost } from './spending.ts'
import type { SystemPrompt } from './system-prompt.ts'
import type { Usage } from './usage.ts'

/**
 * The use of tools in a step: `auto` lets the model decide, `none` forbids calls, `required` requires at
 * least one call, and `{ type: 'tool', toolName }` requires a call of this tool.
 * @example
 * ```ts
 * import { defineAgent, type ToolChoice } from 'loomkit'
 *
 * const first: ToolChoice = { type: 'tool', toolName: 'search' }
 * const prepareStep = ({ step }: { step: number }) => (step === 1 ? { toolChoice: first } : {})
 * const searcher = defineAgent({ name: 'searcher', systemPrompt: 'Search first.', prepareStep })
 * ```
 */
export type ToolChoice =
  | 'auto'
  | 'none'
  | 'required'
  | {
      type: 'tool'
      /** The name of the tool that the model must call. */
      toolName: string
    }

/**
 * Options for the package of a provider, by the name of the provider.
 * @example
 * ```ts
 * import { defineAgent, type ProviderOptions } from 'loomkit'
 *
 * const providerOptions: ProviderOptions = { openai: { reasoningEffort: 'low' } }
 * const quick = defineAgent({ name: 'quick', systemPrompt: 'Answer briefly.', providerOptions })
 * ```
 */
export type ProviderOptions = Readonly<Record<string, JSONObject>>

/** A finished step of this run. */
export interface PreparedStep {
  /** The number of this step in the run, from 1. */
  step: number
  /** The text of this step. */
  text: string
  /** The tool calls of this step. */
  toolCalls: readonly {
    /** The id of the call. The results name it. */
    toolCallId: string
    /** The name of the tool, as the model wrote it. */
    toolName: string
    /** The input as the model wrote it, before the schema of the tool. */
    input: unknown
  }[]
  /** The results of these calls. If `isError`, the model reads the output as an error. */
  toolResults: readonly {
    /** The id of the call. */
    toolCallId: string
    /** The name of the tool. */
    toolName: string
    /** The output of the call, or the text of its error. */
    output: unknown
    /** True if the call failed or was refused. */
    isError: boolean
  }[]
}

/**
 * The state of a run before a step. An agent's `prepareStep` receives it.
 * @example
 * ```ts
 * import type { PrepareStepInfo } from 'loomkit'
 *
 * const isLong = ({ step, messages }: PrepareStepInfo) => step > 5 || messages.length > 50
 * ```
 */
export interface PrepareStepInfo {
  /** The number of the step in the run, from 1. */
  step: number
  /** The same number from 0, as in the AI SDK. */
  stepNumber: number
  /** The finished steps of this run. */
  steps: readonly PreparedStep[]
  /** The model that the step begins with. */
  model: ModelReference
  /** The system prompt of the step. */
  systemPrompt: SystemPrompt
  /** The conversation so far, without the system prompt. */
  messages: readonly ModelMessage[]
  /** The tokens of the whole run so far. */
  usage: Usage
  /** The cost of the whole run so far. Absent if the price of a model call is unknown. */
  cost?: Cost
}

/**
 * The result of an agent's `prepareStep`. A field that is absent leaves the setting of the agent. As in
 * the AI SDK 7, `messages` and the system prompt also apply to the later steps; every other field applies
 * to this step only.
 * @example
 * ```ts
 * import { defineAgent, type PrepareStepInfo, type StepPreparation } from 'loomkit'
 *
 * const prepareStep = ({ step }: PrepareStepInfo): StepPreparation =>
 *   step === 1 ? { model: 'openai/gpt-5', toolChoice: 'required' } : { activeTools: [] }
 * const planner = defineAgent({ name: 'planner', systemPrompt: 'Plan, then answer.', prepareStep })
 * ```
 */
export interface StepPreparation {
  /** The model of this step, or a list of fallbacks. @defaultValue that of the agent */
  model?: ModelReference | readonly ModelReference[]
  /** The instructions of this step and the later ones. @defaultValue those of the step before */
  systemPrompt?: SystemPrompt
  /** The same as `systemPrompt`, under the AI SDK's name. @defaultValue `systemPrompt` */
  system?: SystemPrompt
  /** The same as `systemPrompt`, under the name of the AI SDK 7. @defaultValue `systemPrompt` */
  instructions?: SystemPrompt
  /**
   * Replaces the conversation, also for the later steps and in the result of the run.
   * @defaultValue the conversation so far
   */
  messages?: readonly ModelMessage[]
  /**
   * The names of the tools that the model may call. A name without a tool is ignored.
   * @defaultValue those of the agent
   */
  activeTools?: readonly string[]
  /** Whether the model may, must not or must call a tool in this step. @defaultValue that of the agent */
  toolChoice?: ToolChoice
  /** The temperature of the model in this step. @defaultValue that of the agent */
  temperature?: number
  /**
   * The maximum number of tokens that the model may generate in this step.
   * @defaultValue that of the agent
   */
  maxOutputTokens?: number
  /** Options that are merged over the `providerOptions` of the agent. @defaultValue {} */
  providerOptions?: ProviderOptions
  /** Fields that are merged over the `extraBody` of the agent. @defaultValue {} */
  extraBody?: JSONObject
}

/** The fields of a `StepPreparation`. */
export const preparationFields = [
  'model',
  'systemPrompt',
  'system',
  'instructions',
  'messages',
  'activeTools',
  'toolChoice',
  'temperature',
  'maxOutputTokens',
  'providerOptions',
  'extraBody',
] as const satisfies readonly (keyof StepPreparation)[]
