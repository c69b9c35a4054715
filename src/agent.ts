/**
 * An agent is data: a name, a system prompt, tools, a model, limits and callbacks. The defaults and
 * meanings are LoomEx's. Any callback may be a value or a (sync or async) function of the context.
 */
import type { JSONObject } from '@ai-sdk/provider'
import type { ModelMessage } from 'ai'

import type { AgentCompaction } from './compaction.ts'
import { LoomError } from './ground/error.ts'
import { isName } from './ground/name.ts'
import type { ModelReference } from './model.ts'
import type { Cost } from './spending.ts'
import type { AgentTools } from './tool.ts'
import type { Usage } from './usage.ts'

/** A value, or a function of the run's context that gives it. */
export type OfContext<VALUE, CONTEXT> = VALUE | ((context: CONTEXT) => VALUE | Promise<VALUE>)

/** What `onStep` is told: one model call and the tool calls that it led to. */
export interface StepInfo {
  /** The number of this step in the run, from 1. */
  step: number
  text: string
  toolCalls: readonly { toolCallId: string; toolName: string; input: unknown }[]
  toolResults: readonly {
    toolCallId: string
    toolName: string
    output: unknown
    isError: boolean
  }[]
  /** Of the whole run so far. */
  usage: Usage
  /** Of the whole run so far, where it is known. */
  cost?: Cost
  /** Everything the next model call would see. */
  messages: readonly ModelMessage[]
}

/** `continue`, `stop`, or what the next step is to use instead. */
export type StepDecision =
  | 'continue'
  | 'stop'
  | { messages?: readonly ModelMessage[]; tools?: AgentTools; model?: ModelReference }

/** `retry` asks again, `stop` ends the turn with the error, `reply` answers in the model's place. */
export type ErrorDecision = 'retry' | 'stop' | { reply: string }

/** What becomes of a model call that failed and may succeed the next time. */
export interface RetryPolicy {
  /** How often a failed model call is made again before the next model of the list. @defaultValue 3 */
  retries: number
  /** The first pause; it doubles each time, and a random part of it is taken off. @defaultValue 500 */
  initialDelayMs: number
  /** The longest pause, also where `Retry-After` asks for more. @defaultValue 30000 */
  maxDelayMs: number
}

/** How long a model may take, in milliseconds. */
export interface TimeLimits {
  /** From the request to the first part. @defaultValue 60000 */
  firstChunkMs: number
  /** Between two parts. @defaultValue 30000 */
  nextChunkMs: number
  /** For the whole model call. @defaultValue 600000 */
  stepMs: number
}

/** How much may be spent. What is going on when it is used up is brought to its end. */
export interface Budget {
  /** US dollars. It does not hold models whose price is not known. */
  maxCost?: number
  /** Tokens read and written, sub-agents' too. */
  maxTokens?: number
}

/** What `defineAgent` takes. */
export interface AgentDefinition<CONTEXT = unknown> {
  /** Names the agent in routes, telemetry and sub-agent tools: letters, digits, `_` and `-`. */
  name: string
  /** One sentence for people, and for the agent that may delegate to this one. */
  description?: string
  systemPrompt: OfContext<string, CONTEXT>
  /** @defaultValue none */
  tools?: OfContext<AgentTools, CONTEXT>
  /** A list is a chain of fallbacks. @defaultValue the server's or run's own model */
  model?: OfContext<ModelReference | readonly ModelReference[], CONTEXT>
  /** How many model calls a run may make. @defaultValue 10 */
  maxSteps?: OfContext<number, CONTEXT>
  /** @defaultValue 0.1, but for models that are known to take none */
  temperature?: OfContext<number, CONTEXT>
  /**
   * Tokens the model can read; longer conversations are compacted.
   * @defaultValue what is known of the model, or 128000
   */
  contextWindow?: OfContext<number, CONTEXT>
  /**
   * How a conversation is kept within the window; `false` turns it off, a function does it instead.
   * @defaultValue old tool outputs go first, then the model sums up the oldest messages
   */
  compaction?: AgentCompaction
  /** Fields merged into the body of the request to the model. @defaultValue {} */
  extraBody?: OfContext<JSONObject, CONTEXT>
  /** Called after the tools of a step have run. @defaultValue 'continue' */
  onStep?: (info: StepInfo, context: CONTEXT) => StepDecision | Promise<StepDecision>
  /** Called when the model failed for good: retries and fallbacks are used up. @defaultValue 'stop' */
  onError?: (error: LoomError, context: CONTEXT) => ErrorDecision | Promise<ErrorDecision>
  /** The most tokens one model call may generate. @defaultValue the provider's */
  maxOutputTokens?: OfContext<number, CONTEXT>
  /** US dollars that a turn may cost: it ends after the step that uses them up. @defaultValue any */
  maxCost?: OfContext<number, CONTEXT>
  /** Tokens that a turn may use, read and written. @defaultValue any */
  maxTokens?: OfContext<number, CONTEXT>
  /** What all turns of a session may use together. @defaultValue any */
  sessionBudget?: OfContext<Budget, CONTEXT>
  /**
   * Whether a conversation that the server does not know may begin with the user and assistant text
   * that a client posts. A client could have made it up. @defaultValue false
   */
  seedFromClient?: boolean
  /** How many tool calls of one step run at a time. @defaultValue all */
  toolConcurrency?: number
  retry?: Partial<RetryPolicy>
  limits?: Partial<TimeLimits>
}

/** A checked definition. */
export interface Agent<CONTEXT = unknown> extends AgentDefinition<CONTEXT> {
  /** Signs approval requests, so that only decisions on calls this agent asked about count. */
  readonly approvalSecret: string
}

/**
 * Checks a definition and gives the agent.
 * @throws LoomError `invalid-config` for a bad name, or without a system prompt.
 */
export function defineAgent<CONTEXT = unknown>(
  definition: AgentDefinition<CONTEXT> & { approvalSecret?: string },
): Agent<CONTEXT> {
  const { name, systemPrompt } = definition
  if (!isName(name)) {
    throw new LoomError(
      'invalid-config',
      `Agent name "${name}" must be 1 to 64 letters, digits, "_" or "-".`,
    )
  }
  if (typeof systemPrompt !== 'string' && typeof systemPrompt !== 'function') {
    throw new LoomError('invalid-config', `Agent "${name}" needs a systemPrompt.`)
  }
  return { approvalSecret: crypto.randomUUID() + crypto.randomUUID(), ...definition }
}
