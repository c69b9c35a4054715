/**
 * An agent is data: a name, a system prompt, tools, a model, limits and callbacks. The defaults and
 * meanings are those of LoomEx. Each callback can be a value or a (sync or async) function of the context.
 * The file is long because the docstring of each field is its reference on hover.
 */
import type { JSONObject } from '@ai-sdk/provider'
import type { FlexibleSchema, ModelMessage } from 'ai'

import { type AgentCompaction, compactionFields } from './compaction.ts'
import { checkDataSchemas, type DataSchemas } from './data-part.ts'
import { checkFields } from './ground/agent-values.ts'
import { LoomError } from './ground/error.ts'
import { fieldOf } from './ground/fields.ts'
import { type FieldsOf, refuseUnknownFields } from './ground/known-fields.ts'
import { isName } from './ground/name.ts'
import type { ModelReference } from './model.ts'
import type { Cost } from './spending.ts'
import type {
  PreparedStep,
  PrepareStepInfo,
  ProviderOptions,
  StepPreparation,
  ToolChoice,
} from './step-preparation.ts'
import type { SystemPrompt } from './system-prompt.ts'
import type { AfterToolDecision, AfterToolInfo } from './tool-hooks.ts'
import type { BeforeToolDecision, BeforeToolInfo } from './tool-hooks.ts'
import type { AgentTools, ContextOfTools } from './tool.ts'
import type { Usage } from './usage.ts'

/**
 * A value, or a sync or async function that computes the value from the context of the run.
 * @example
 * ```ts
 * import type { OfContext } from 'loomkit'
 *
 * const prompt: OfContext<string, { user: string }> = ({ user }) => `You help ${user}.`
 * ```
 */
export type OfContext<VALUE, CONTEXT> = VALUE | ((context: CONTEXT) => VALUE | Promise<VALUE>)

/**
 * A finished step: one model call and the tool calls of its reply. An agent's `onStep` receives it.
 * @example
 * ```ts
 * import type { StepInfo } from 'loomkit'
 *
 * const isExpensive = ({ cost, usage }: StepInfo) => (cost?.usd ?? 0) > 0.5 || usage.totalTokens > 100_000
 * ```
 */
export interface StepInfo extends PreparedStep {
  /** The tokens of the whole run so far. */
  usage: Usage
  /** The cost of the whole run so far. Absent if the price of a model call is unknown. */
  cost?: Cost
  /** The conversation so far, without the system prompt. The next model call starts from it. */
  messages: readonly ModelMessage[]
}

/**
 * The result of an agent's `onStep`. `continue` makes the next step, `stop` ends the run with the outcome
 * `stopped`, and an object makes the next step with other messages, tools or another model.
 * @example
 * ```ts
 * import { defineAgent, type StepDecision, type StepInfo } from 'loomkit'
 *
 * const onStep = ({ step }: StepInfo): StepDecision => (step < 3 ? 'continue' : 'stop')
 * const agent = defineAgent({ name: 'brief', systemPrompt: 'Answer briefly.', onStep })
 * ```
 */
export type StepDecision =
  | 'continue'
  | 'stop'
  | {
      /**
       * The conversation of the next step, without the system prompt.
       * @defaultValue the conversation so far
       */
      messages?: readonly ModelMessage[]
      /** The tools of the next step and the later ones. @defaultValue the tools of the agent */
      tools?: AgentTools
      /** The model of the next step and the later ones. @defaultValue the model so far */
      model?: ModelReference
    }

/**
 * The result of an agent's `onError`. `retry` calls the model again, at most 10 times a step, `stop` ends the
 * turn with the error, and `reply` is the text that the user receives instead of the model's answer.
 * @example
 * ```ts
 * import { defineAgent, type ErrorDecision, type LoomError } from 'loomkit'
 *
 * const onError = ({ code }: LoomError): ErrorDecision =>
 *   code === 'model-timeout' ? { reply: 'Please try again later.' } : 'stop'
 * const agent = defineAgent({ name: 'polite', systemPrompt: 'Answer briefly.', onError })
 * ```
 */
export type ErrorDecision =
  | 'retry'
  | 'stop'
  | {
      /** The text that the user receives instead of the model's answer. */
      reply: string
    }

/**
 * The retries of a model call whose error is retryable, such as status 429 or 503 or a broken connection.
 * @example
 * ```ts
 * import type { RetryPolicy } from 'loomkit'
 *
 * const retry: RetryPolicy = { retries: 5, initialDelayMs: 1000, maxDelayMs: 60_000 }
 * ```
 */
export interface RetryPolicy {
  /** The maximum number of retries before the next model of the agent's list. @defaultValue 3 */
  retries: number
  /**
   * The first pause in milliseconds. It doubles with each retry. A random part is subtracted from each
   * pause. @defaultValue 500
   */
  initialDelayMs: number
  /**
   * The longest pause in milliseconds. If the provider's `Retry-After` asks for more, the call is not
   * retried. @defaultValue 30000
   */
  maxDelayMs: number
}

/**
 * The time limits of a model call, in milliseconds. A call that exceeds one fails with `model-timeout`.
 * @example
 * ```ts
 * import type { TimeLimits } from 'loomkit'
 *
 * const limits: TimeLimits = { firstChunkMs: 120_000, nextChunkMs: 60_000, stepMs: 900_000 }
 * ```
 */
export interface TimeLimits {
  /** The time from the request to the first part of the reply. @defaultValue 60000 */
  firstChunkMs: number
  /** The time between two parts of the reply. @defaultValue 30000 */
  nextChunkMs: number
  /** The time of the whole model call. @defaultValue 600000 */
  stepMs: number
}

/** The fields of `TimeLimits`. */
const timeLimitFields: FieldsOf<TimeLimits> = {
  firstChunkMs: true,
  nextChunkMs: true,
  stepMs: true,
}

/**
 * A limit of cost or tokens. The step that exceeds it still ends normally, and no other step follows.
 * @example
 * ```ts
 * import { type Budget, defineAgent } from 'loomkit'
 *
 * const sessionBudget: Budget = { maxCost: 2, maxTokens: 500_000 }
 * const agent = defineAgent({ name: 'frugal', systemPrompt: 'Answer briefly.', sessionBudget })
 * ```
 */
export interface Budget {
  /** US dollars. Models whose price is unknown count as 0. @defaultValue no limit */
  maxCost?: number
  /** Input and output tokens, including those of sub-agents. @defaultValue no limit */
  maxTokens?: number
}

/**
 * The definition of an agent, for `defineAgent`. `CONTEXT` is the type of the run's context, which callbacks
 * and tools receive. `OUTPUT` is the type of the output, if the agent has a schema for it, `TOOLS` the type
 * of the tools, `NAME` the name, and `SCHEMAS` the schemas of data parts.
 * @example
 * ```ts
 * import type { AgentDefinition } from 'loomkit'
 *
 * const definition: AgentDefinition<{ user: string }> = {
 *   name: 'tutor',
 *   systemPrompt: ({ user }) => `You teach ${user}.`,
 *   model: ['anthropic/claude-sonnet-4-5', 'demo/assistant'],
 * }
 * ```
 */
export interface AgentDefinition<
  CONTEXT = unknown,
  OUTPUT = unknown,
  TOOLS extends AgentTools = AgentTools,
  NAME extends string = string,
  SCHEMAS extends DataSchemas = DataSchemas,
> {
  /** The name in routes, telemetry and sub-agent tools: 1 to 64 letters, digits, `_` or `-`. */
  name: NAME
  /** One sentence for people, and for an agent that may delegate to this one. @defaultValue none */
  description?: string
  /**
   * The instructions of the model, before the messages of each call: a text, or parts of which a provider
   * may cache the first ones.
   */
  systemPrompt: OfContext<SystemPrompt, CONTEXT>
  /** The tools that the model may call. @defaultValue none */
  tools?: OfContext<TOOLS, CONTEXT>
  /**
   * The names of the tools that the model may call now. A name without a tool is ignored.
   * @defaultValue all `tools`
   */
  activeTools?: OfContext<readonly string[], CONTEXT>
  /**
   * Whether the model may, must not or must call a tool, in every step. To require only the first call,
   * set it in `prepareStep`: a model that must call a tool never answers. @defaultValue 'auto'
   */
  toolChoice?: OfContext<ToolChoice, CONTEXT>
  /**
   * The schema of the final answer: a zod schema, any Standard Schema, or `jsonSchema()` of the AI SDK. The
   * answer is checked, mended if it nearly fits, and sent back to the model at most twice if it does not fit.
   * Its value is the `output` of the result, and the part `data-output` of the message.
   * @defaultValue none: the answer is a text
   */
  output?: OfContext<FlexibleSchema<OUTPUT>, CONTEXT>
  /**
   * The schemas of the data parts that the tools may `write`, by name without `data-`, for tools that have no
   * schema of the name. They check the data and type it in `UIMessageOf`.
   * @defaultValue none: a name without a schema takes any JSON value
   */
  dataSchemas?: SCHEMAS
  /**
   * The model. In a list, each model is the fallback of the one before it.
   * @defaultValue the default model of the server or of the run
   */
  model?: OfContext<ModelReference | readonly ModelReference[], CONTEXT>
  /**
   * The models that a client may choose with `model` in the body of a posted message, as
   * `provider/model-id`. The choice is kept to the end of the turn. @defaultValue none: a client cannot choose
   */
  models?: OfContext<readonly string[], CONTEXT>
  /** The maximum number of steps (model calls) of a run. @defaultValue 10 */
  maxSteps?: OfContext<number, CONTEXT>
  /**
   * The temperature of the model.
   * @defaultValue 0.1 for models that are known to accept one, otherwise the provider's
   */
  temperature?: OfContext<number, CONTEXT>
  /**
   * The context window of the model, in tokens. Longer conversations are compacted. 0: no conversation is.
   * @defaultValue the known window of the model, or 128000
   */
  contextWindow?: OfContext<number, CONTEXT>
  /**
   * The options of compaction, or a function that replaces it. `false` turns it off.
   * @defaultValue removes old tool outputs first, then lets the model summarise the oldest messages
   */
  compaction?: AgentCompaction
  /** Fields that are merged into the body of each request to the model. @defaultValue {} */
  extraBody?: OfContext<JSONObject, CONTEXT>
  /**
   * Options for the package of a provider, such as `{ anthropic: { effort: 'low' } }`. For an
   * OpenAI-compatible API they are fields of the request. @defaultValue {}
   */
  providerOptions?: OfContext<ProviderOptions, CONTEXT>
  /** Changes the settings of a step before its model call, also of the first one. @defaultValue none */
  prepareStep?: (
    info: PrepareStepInfo,
    context: CONTEXT,
  ) => StepPreparation | undefined | void | Promise<StepPreparation | undefined | void>
  /**
   * Runs before each tool call that this process runs, after its approval and within its time limit. It may
   * change the input, refuse the call, or answer it. If it throws, the call fails with this error.
   * @defaultValue none
   */
  beforeTool?: (
    info: BeforeToolInfo,
    context: CONTEXT,
  ) => BeforeToolDecision | Promise<BeforeToolDecision>
  /**
   * Runs after each call for which `beforeTool` runs, before clients and the model receive the outcome. It
   * may change the output, or report another error. It does not run if the turn was stopped.
   * @defaultValue none
   */
  afterTool?: (
    info: AfterToolInfo,
    context: CONTEXT,
  ) => AfterToolDecision | Promise<AfterToolDecision>
  /** Runs after the tools of each step. @defaultValue 'continue' */
  onStep?: (info: StepInfo, context: CONTEXT) => StepDecision | Promise<StepDecision>
  /** Runs when the model failed and no retry or fallback is left. @defaultValue 'stop' */
  onError?: (error: LoomError, context: CONTEXT) => ErrorDecision | Promise<ErrorDecision>
  /** The maximum number of tokens that a model call may generate. @defaultValue the provider's */
  maxOutputTokens?: OfContext<number, CONTEXT>
  /**
   * The maximum cost of a turn in US dollars. The turn ends after the step that exceeds it.
   * @defaultValue no limit
   */
  maxCost?: OfContext<number, CONTEXT>
  /** The maximum number of input and output tokens of a turn. @defaultValue no limit */
  maxTokens?: OfContext<number, CONTEXT>
  /** The budget of all turns of a session together. @defaultValue no limit */
  sessionBudget?: OfContext<Budget, CONTEXT>
  /**
   * Lets a conversation that the server does not know begin with the user and assistant texts that a
   * client posts. The client may have invented them. @defaultValue false
   */
  seedFromClient?: boolean
  /**
   * The days after the last message of a session of this agent after which the server removes the session, with its tasks,
   * files and schedules. A session belongs to the agent of its first message.
   * @defaultValue as long as the store keeps sessions
   */
  retentionDays?: number
  /** The maximum number of tool calls of a step that run at the same time. @defaultValue no limit */
  toolConcurrency?: number
  /** The retries of failed model calls. @defaultValue the defaults of `RetryPolicy` */
  retry?: Partial<RetryPolicy>
  /** The time limits of model calls. They override those of the run. @defaultValue those of the run */
  limits?: Partial<TimeLimits>
}

/**
 * A checked definition of an agent. `defineAgent` returns one. `Agent` alone is an agent without a context,
 * and `Agent<never>` an agent of any context.
 * @example
 * ```ts
 * import { type Agent, defineAgent, run } from 'loomkit'
 *
 * const tutor: Agent = defineAgent({ name: 'tutor', systemPrompt: 'Teach.', model: 'demo/assistant' })
 * const { text } = await run(tutor, 'What is 2 + 2?')
 * ```
 */
export interface Agent<
  CONTEXT = unknown,
  OUTPUT = unknown,
  TOOLS extends AgentTools = AgentTools,
  NAME extends string = string,
  SCHEMAS extends DataSchemas = DataSchemas,
> extends AgentDefinition<CONTEXT, OUTPUT, TOOLS, NAME, SCHEMAS> {
  /**
   * The secret that signs approval requests, so that only decisions on calls of this agent count.
   * @defaultValue two random UUIDs
   */
  readonly approvalSecret: string
}

/**
 * An agent of any context, for lists of agents.
 * @example
 * ```ts
 * import { type AnyAgent, defineAgent, Loom } from 'loomkit'
 *
 * const agents: AnyAgent[] = [defineAgent({ name: 'tutor', systemPrompt: 'Teach.' })]
 * const loom = new Loom({ agents })
 * ```
 */
export type AnyAgent = Agent<never>

/**
 * Checks a definition and returns the agent. The agent needs the context that its callbacks and its tools
 * declare. `defineAgent<Context>(…)` sets the context itself, and `defineAgent<Context>()(…)` sets it and
 * also keeps the types of the tools, for `UIMessageOf`.
 * @throws LoomError `invalid-config` for an invalid name, without a system prompt, for an unknown field, or for
 * a field of another form, such as `maxSteps: 0` or `dataSchemas` with a name of Loom's own parts
 * @example
 * ```ts
 * import { defineAgent, run } from 'loomkit'
 *
 * const systemPrompt = ({ user }: { user: string }) => `You teach ${user}.`
 * const agent = defineAgent({ name: 'tutor', systemPrompt, model: 'demo/assistant' })
 * const { text } = await run(agent, 'What is 2 + 2?', { context: { user: 'Ada' } })
 * ```
 */
export function defineAgent<
  CONTEXT = unknown,
  OUTPUT = unknown,
  const TOOLS extends AgentTools = AgentTools<CONTEXT>,
  const NAME extends string = string,
  SCHEMAS extends DataSchemas = DataSchemas,
>(
  definition: Definition<CONTEXT, OUTPUT, TOOLS, NAME, SCHEMAS>,
): Agent<CONTEXT & ContextOfTools<TOOLS>, OUTPUT, TOOLS, NAME, SCHEMAS>
/**
 * Sets the context of an agent, and returns a function that checks a definition and returns the
 * agent. It also keeps the types of the tools, for `UIMessageOf`.
 * @throws LoomError `invalid-config` for an invalid name, or without a system prompt
 */
export function defineAgent<CONTEXT>(): DefineAgent<CONTEXT>
export function defineAgent(
  definition?: Definition<unknown, unknown, AgentTools, string, DataSchemas>,
): unknown {
  return definition === undefined ? checked : checked(definition)
}

/**
 * The definition of an agent, with the secret of an earlier process if its approvals must stay
 * valid.
 */
type Definition<
  CONTEXT,
  OUTPUT,
  TOOLS extends AgentTools,
  NAME extends string,
  SCHEMAS extends DataSchemas,
> = AgentDefinition<CONTEXT, OUTPUT, TOOLS, NAME, SCHEMAS> & {
  /**
   * The secret that signs approval requests. Set the same one in all processes that may receive a
   * decision without a session. @defaultValue two random UUIDs
   */
  approvalSecret?: string
}

/** `defineAgent` for a context that is already set. */
type DefineAgent<CONTEXT> = <
  OUTPUT = unknown,
  const TOOLS extends AgentTools<CONTEXT> = AgentTools<CONTEXT>,
  const NAME extends string = string,
  SCHEMAS extends DataSchemas = DataSchemas,
>(
  definition: Definition<CONTEXT, OUTPUT, TOOLS, NAME, SCHEMAS>,
) => Agent<CONTEXT, OUTPUT, TOOLS, NAME, SCHEMAS>

function checked(definition: Definition<unknown, unknown, AgentTools, string, DataSchemas>): Agent {
  const { name, systemPrompt, dataSchemas } = definition
  if (!isName(name)) {
    throw new LoomError(
      'invalid-config',
      `Agent name "${name}" must be 1 to 64 letters, digits, "_" or "-".`,
    )
  }
  if (!['string', 'function'].includes(typeof systemPrompt) && !Array.isArray(systemPrompt)) {
    throw new LoomError('invalid-config', `Agent "${name}" needs a systemPrompt.`)
  }
  checkKnown(name, definition)
  checkFields(name, definition)
  checkDataSchemas(dataSchemas, `Agent "${name}"`)
  let approvalSecret: string | undefined
  return {
    // Made at first use: Cloudflare Workers has no random values before the first request.
    get approvalSecret() {
      return (approvalSecret ??= crypto.randomUUID() + crypto.randomUUID())
    },
    ...definition,
  }
}

/** The fields of an agent. The compiler finds a missing one. */
const agentFields: FieldsOf<Agent> = {
  name: true,
  description: true,
  systemPrompt: true,
  tools: true,
  activeTools: true,
  toolChoice: true,
  output: true,
  dataSchemas: true,
  model: true,
  models: true,
  maxSteps: true,
  temperature: true,
  contextWindow: true,
  compaction: true,
  extraBody: true,
  providerOptions: true,
  prepareStep: true,
  beforeTool: true,
  afterTool: true,
  onStep: true,
  onError: true,
  maxOutputTokens: true,
  maxCost: true,
  maxTokens: true,
  sessionBudget: true,
  seedFromClient: true,
  retentionDays: true,
  toolConcurrency: true,
  retry: true,
  limits: true,
  approvalSecret: true,
}

/** The fields of the objects in an agent. */
const innerFields = {
  retry: { retries: true, initialDelayMs: true, maxDelayMs: true } satisfies FieldsOf<RetryPolicy>,
  limits: timeLimitFields,
  sessionBudget: { maxCost: true, maxTokens: true } satisfies FieldsOf<Budget>,
  compaction: compactionFields,
}

/** The names of the AI SDK and of other libraries. */
const synonyms = {
  system: 'systemPrompt',
  instructions: 'systemPrompt',
  prompt: 'systemPrompt',
  stopWhen: 'maxSteps',
  maxRetries: 'retry',
  outputSchema: 'output',
}

function checkKnown(name: string, definition: object): void {
  const subject = `Agent "${name}" has`
  refuseUnknownFields(definition, { subject, known: agentFields }, synonyms)
  for (const [field, known] of Object.entries(innerFields)) {
    const value = fieldOf(definition, field)
    refuseUnknownFields(value, { subject: `Agent "${name}": ${field} has`, known })
  }
}
