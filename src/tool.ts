/**
 * A tool has the shape of an AI SDK tool, a name, and two things that only a server which outlives
 * its processes must know: how it may be retried and how long it may take. AI SDK `tool()` objects
 * (MCP tools too) work in an agent as they are.
 */
import type { FlexibleSchema, ModelMessage, ToolResultPart, ToolSet } from 'ai'

import type { Agent } from './agent.ts'
import type { RunResult } from './run-result.ts'
import type { Sink } from './sink.ts'

/**
 * What may be done with a call whose outcome is unknown because its process died: `safe` runs it
 * again, `keyed` runs it again with the same idempotency key, `never` (the default) tells the model
 * that the outcome is unknown.
 */
export type RetryClass = 'safe' | 'keyed' | 'never'

/** What a tool is told about its call. A superset of the AI SDK's `ToolExecutionOptions`. */
export interface ToolContext<CONTEXT = unknown> {
  toolCallId: string
  /** What the model saw when it made the call, without the system prompt. */
  messages: ModelMessage[]
  /** Aborted when the turn is stopped or the tool's time is up. */
  signal: AbortSignal
  /** The same signal under the AI SDK's name. */
  abortSignal: AbortSignal
  /** The context that the run was given. */
  context: CONTEXT
  /** The same for every attempt of this call: hand it to whatever has the effect. */
  idempotencyKey: string
  /**
   * Names the conversation, over all its turns: the session, or the run where there is none. A
   * sub-agent's run is one of its own.
   */
  conversation: string
  /** Name of the agent that made the call. */
  agent: string
  /** 0 in the agent that was asked, 1 in its sub-agents, and so on. */
  depth: number
  /**
   * Runs another agent on behalf of this call: same context, models, limits and signal, one level
   * deeper, and what it spends counts for this turn. Nobody can be asked from in there.
   */
  run: (
    agent: Agent<CONTEXT>,
    messages: string | readonly ModelMessage[],
    options?: { sink?: Sink },
  ) => Promise<RunResult>
}

/** What `defineTool` takes. */
export interface ToolDefinition<INPUT, OUTPUT, CONTEXT = unknown> {
  /** What the model calls it: letters, digits, `_` and `-`, 64 at most. */
  name: string
  description: string
  /** A zod schema, any Standard Schema, or `jsonSchema()` of the AI SDK. */
  inputSchema: FlexibleSchema<INPUT>
  /**
   * Does the work. An async generator yields preliminary results; its return value (or, without one,
   * its last yield) is the result. Throwing tells the model what went wrong. Without `execute` the
   * tool is the client's: the turn ends and goes on when the client has answered.
   */
  execute?: (
    input: INPUT,
    context: ToolContext<CONTEXT>,
  ) => OUTPUT | Promise<OUTPUT> | AsyncIterable<OUTPUT>
  /** Asks the human first. */
  needsApproval?:
    | boolean
    | ((
        input: INPUT,
        context: Pick<ToolContext<CONTEXT>, 'toolCallId' | 'messages' | 'context'>,
      ) => boolean | Promise<boolean>)
  /** What the model is told instead of the output itself. */
  toModelOutput?: (options: {
    toolCallId: string
    input: INPUT
    output: OUTPUT
  }) => ToolResultPart['output'] | Promise<ToolResultPart['output']>
  /** @defaultValue 'never' */
  retry?: RetryClass
  /** Milliseconds until the tool is given up and the model told so. @defaultValue 600000 */
  timeoutMs?: number
  /** A name for people. */
  title?: string
}

/**
 * A tool whose input and output types are its own business, as `defineTool` makes it. Methods, not
 * function properties: their parameters are compared both ways, so a tool of any input fits.
 */
export interface NamedTool {
  readonly name: string
  readonly description: string
  readonly inputSchema: FlexibleSchema<unknown>
  execute?(input: unknown, context: ToolContext): unknown
  needsApproval?: boolean | ApprovalRule['check']
  toModelOutput?(options: {
    toolCallId: string
    input: unknown
    output: unknown
  }): ToolResultPart['output'] | Promise<ToolResultPart['output']>
  readonly retry?: RetryClass
  readonly timeoutMs?: number
  readonly title?: string
}

interface ApprovalRule {
  check(
    input: unknown,
    context: Pick<ToolContext, 'toolCallId' | 'messages' | 'context'>,
  ): boolean | Promise<boolean>
}

/** What an agent lists: named tools, sets of AI SDK tools (MCP tools too), or both. */
export type AgentTools = ToolSet | readonly (NamedTool | ToolSet)[]
