/**
 * A tool has the shape of an AI SDK tool, a name, and two properties that a server needs when its
 * processes may die: how a call may be retried and how long it may take. AI SDK `tool()` objects (MCP
 * tools too) also work in an agent. The file is long because each member has its text for the hover of an
 * editor.
 */
import type { FlexibleSchema, ModelMessage, ToolResultPart, ToolSet } from 'ai'

import type { Agent } from './agent.ts'
import type { CallTask } from './call-task.ts'
import type { DataSchemas, DataTypesOf, DataWrite } from './data-part.ts'
import type { RunResult } from './run-result.ts'
import type { CallSchedules } from './schedule.ts'
import type { Sink } from './sink.ts'
import type { ToolCallFacts } from './tool-call.ts'

/**
 * The treatment of a call whose outcome is unknown because its process died: `safe` runs it again, `keyed`
 * runs it again with the same idempotency key, `steps` runs it again without its finished steps
 * (`ToolContext.step`), `never` reports to the model that the outcome is unknown.
 * @example
 * ```ts
 * import { jsonSchema } from 'ai'
 * import { defineTool, type RetryClass } from 'loomkit'
 *
 * const retry: RetryClass = 'safe'
 * const inputSchema = jsonSchema({ type: 'object' })
 * const execute = () => new Date().toISOString()
 * const clock = defineTool({ name: 'clock', description: 'The time.', inputSchema, retry, execute })
 * ```
 */
export type RetryClass = 'safe' | 'keyed' | 'steps' | 'never'

/**
 * The facts of one call of a tool, the second argument of `execute`. It is a superset of the AI SDK's
 * `ToolExecutionOptions`. `DATA` has the type of the data of each name that the tool may `write`.
 * @example
 * ```ts
 * import type { ToolContext } from 'loomkit'
 *
 * const pay = async (input: { cents: number }, { idempotencyKey, signal }: ToolContext) => {
 *   const headers = { 'idempotency-key': idempotencyKey }
 *   const body = JSON.stringify(input)
 *   return fetch('https://bank.example.com/payments', { method: 'POST', headers, body, signal })
 * }
 * ```
 */
export interface ToolContext<
  CONTEXT = unknown,
  DATA = Record<string, unknown>,
> extends ToolCallFacts {
  /** The messages of the model call that made this call, without the system prompt. */
  messages: ModelMessage[]
  /** The `signal` under the AI SDK's name. */
  abortSignal: AbortSignal
  /** The context of the run. */
  context: CONTEXT
  /**
   * The schedules of the session. Undefined without a session, in the run of a sub-agent, and if the `Loom` has
   * `schedules: false`, as in the terminal.
   */
  schedules: CallSchedules | undefined
  /**
   * The task of a call of `agentTool`, in a session. Loom sets it. Undefined for every other call.
   * @internal
   */
  task?: CallTask | undefined
  /**
   * Does a part of the work once, also if the call runs again after the death of its process: then it
   * returns the stored result and does not call `work`. The result is stored before the promise resolves. It
   * must be JSON or undefined, and a repetition returns the JSON form. A step that was under way when the
   * process died runs again with the same `key`. A step that throws is not stored. In a run without a
   * session, and in the run of a sub-agent, nothing is stored.
   * @param name the name of the step, at most 100 characters. Each step of a call has its own name, which
   * must be the same in a repetition. At most 1,000 steps
   * @throws LoomError `invalid-request` for a name that this call used already, a result that is not JSON or
   * too large, or a call that is over; `lost` if another instance owns the turn; the error of `work`
   * @example
   * ```ts
   * import type { ToolContext } from 'loomkit'
   *
   * const order = async (input: { cents: number }, { step }: ToolContext) => {
   *   const body = JSON.stringify(input)
   *   await step('charge', ({ key, signal }) => {
   *     const headers = { 'idempotency-key': key }
   *     return fetch('https://bank.example.com/payments', { method: 'POST', headers, body, signal })
   *       .then((response) => response.status)
   *   })
   *   return step('invoice', () => 'invoice 1')
   * }
   * ```
   */
  step: <VALUE>(
    name: string,
    work: (attempt: StepAttempt) => VALUE | Promise<VALUE>,
  ) => Promise<VALUE>
  /**
   * Writes a data part into the answer while the tool runs: clients receive it at once, and the message keeps
   * it. The model never receives it. Parts are sent in the order of the calls, and before the outcome of the
   * call. The promise resolves when the part is on its way, later for a slow client or store. A tool need not
   * await it. A part with a fault fails the call, with the text of the fault.
   *
   * A call that runs again after the death of its process writes its parts again, with the same ids if it
   * takes the same course, so that they replace the first ones. Data of more than half a megabyte must not
   * change until the promise resolves. Limits of a call: the size of a tool output for each part, and 1,000
   * parts that wait or that the message keeps.
   * @throws LoomError `invalid-request` for data that is not JSON, does not fit its schema or exceeds a limit,
   * for a wrong type or id, or after the end of the call; the reason of `signal`
   * @example
   * ```ts
   * import type { ToolContext } from 'loomkit'
   *
   * const load = async (input: { rows: string[] }, { write }: ToolContext) => {
   *   for (const index of input.rows.keys()) {
   *     const percent = Math.round((100 * (index + 1)) / input.rows.length)
   *     await write({ type: 'data-progress', id: 'load', data: { percent } })
   *   }
   *   return input.rows.length
   * }
   * ```
   */
  write: DataWrite<DATA>
  /**
   * Runs another agent for this call, one level deeper, with the same context, models, limits and signal.
   * Its tokens and cost count for this turn. It cannot ask a human: calls that need an approval are refused.
   */
  run: <OUTPUT>(
    agent: Agent<CONTEXT, OUTPUT>,
    messages: string | readonly ModelMessage[],
    options?: {
      /** Receives the events of the sub-agent as they happen. @defaultValue ignores them */
      sink?: Sink
      /** Writes the data parts of the agent's tools into the message of this call too. @defaultValue false */
      forwardData?: boolean
    },
  ) => Promise<RunResult<OUTPUT>>
}

/**
 * The facts that the work of a step receives; see `ToolContext.step`.
 * @example
 * ```ts
 * import type { StepAttempt } from 'loomkit'
 *
 * const charge = ({ key, signal }: StepAttempt) => {
 *   const headers = { 'idempotency-key': key }
 *   return fetch('https://bank.example.com/payments', { method: 'POST', headers, signal })
 * }
 * ```
 */
export interface StepAttempt {
  /** The same key for every attempt of this step: the idempotency key of the call, `:`, and the name. */
  key: string
  /** Aborts with the call. */
  signal: AbortSignal
}

/**
 * The definition of a tool, for `defineTool`.
 * @example
 * ```ts
 * import { jsonSchema } from 'ai'
 * import type { ToolDefinition } from 'loomkit'
 *
 * const description = 'Returns the time.'
 * const inputSchema = jsonSchema({ type: 'object' })
 * const execute = () => new Date().toISOString()
 * const clock: ToolDefinition<unknown, string> = { name: 'clock', description, inputSchema, execute }
 * ```
 */
export interface ToolDefinition<
  INPUT,
  OUTPUT,
  CONTEXT = unknown,
  NAME extends string = string,
  SCHEMAS extends DataSchemas = DataSchemas,
> {
  /** The name for the model: 1 to 64 letters, digits, `_` or `-`. */
  name: NAME
  /** The description for the model. */
  description: string
  /** A zod schema, any Standard Schema, or `jsonSchema()` of the AI SDK. */
  inputSchema: FlexibleSchema<INPUT>
  /**
   * Does the work. An async generator yields preliminary results; its return value (or, without one,
   * its last yield) is the result. If it throws, the model receives the error. Without `execute` the
   * client runs the tool: the turn ends, and continues when the client has answered.
   * @defaultValue none: the client runs the tool
   */
  execute?: (
    input: INPUT,
    context: ToolContext<CONTEXT, DataTypesOf<SCHEMAS>>,
  ) => OUTPUT | Promise<OUTPUT> | AsyncIterable<OUTPUT>
  /** Asks a human before the call runs. @defaultValue false */
  needsApproval?:
    | boolean
    | ((
        input: INPUT,
        context: Pick<ToolContext<CONTEXT>, 'toolCallId' | 'messages' | 'context'>,
      ) => boolean | Promise<boolean>)
  /** Converts the output for the model. @defaultValue text, or JSON for other values */
  toModelOutput?: (options: {
    /** The id of the call. */
    toolCallId: string
    /** The input of the call, as the schema returned it. */
    input: INPUT
    /** The output of the call. */
    output: OUTPUT
  }) => ToolResultPart['output'] | Promise<ToolResultPart['output']>
  /** The treatment of a call whose process died. @defaultValue 'never' */
  retry?: RetryClass
  /**
   * The time limit of a call in milliseconds. If it passes, the model receives an error.
   * @defaultValue 600000
   */
  timeoutMs?: number
  /** A name for people. @defaultValue none */
  title?: string
  /**
   * The schemas of the data parts that the tool may `write`, by name without `data-`. They check the data and
   * type it, also in the messages of an agent with this tool (`UIMessageOf`).
   * @defaultValue those of the agent; a name without a schema takes any JSON value
   */
  dataSchemas?: SCHEMAS
}

/**
 * A tool with any input, output and context. Every tool of `defineTool` fits. Its functions are methods, not
 * function properties: TypeScript compares the parameters of methods both ways.
 * @example
 * ```ts
 * import { defineAgent, glob, type NamedTool, Workspace } from 'loomkit'
 *
 * const tools: NamedTool[] = [glob(await Workspace.open('/srv/project'))]
 * const agent = defineAgent({ name: 'finder', systemPrompt: 'Find files.', tools })
 * ```
 */
export interface NamedTool<
  INPUT = unknown,
  OUTPUT = unknown,
  CONTEXT = unknown,
  NAME extends string = string,
  SCHEMAS extends DataSchemas = DataSchemas,
> {
  /** The name for the model. */
  readonly name: NAME
  /** The description for the model. */
  readonly description: string
  /** The schema of the input. */
  readonly inputSchema: FlexibleSchema<INPUT>
  /** Does the work. It is absent if the client runs the tool. */
  execute?(
    input: INPUT,
    context: ToolContext<CONTEXT>,
  ): OUTPUT | Promise<OUTPUT> | AsyncIterable<OUTPUT>
  /** Whether a human must approve a call before it runs. @defaultValue false */
  needsApproval?: boolean | ApprovalRule<INPUT, CONTEXT>['check']
  /** Converts the output for the model. @defaultValue text, or JSON for other values */
  toModelOutput?(options: {
    /** The id of the call. */
    toolCallId: string
    /** The input of the call, as the schema returned it. */
    input: INPUT
    /** The output of the call. */
    output: OUTPUT
  }): ToolResultPart['output'] | Promise<ToolResultPart['output']>
  /** The treatment of a call whose process died. @defaultValue 'never' */
  readonly retry?: RetryClass
  /** The time limit of a call in milliseconds. @defaultValue 600000 */
  readonly timeoutMs?: number
  /** A name for people. @defaultValue none */
  readonly title?: string
  /** The schemas of the data parts that the tool may write. */
  readonly dataSchemas?: SCHEMAS
}

/** The type of a function that decides whether a call needs an approval. */
interface ApprovalRule<INPUT, CONTEXT> {
  /** Returns true if a human must approve the call. */
  check(
    input: INPUT,
    context: Pick<ToolContext<CONTEXT>, 'toolCallId' | 'messages' | 'context'>,
  ): boolean | Promise<boolean>
}

/**
 * A tool whose types are known, as `defineTool` returns it. The AI SDK's `InferUITool` and `UIToolInvocation`
 * take it, and an agent with this tool needs a context of the type `CONTEXT`.
 * @example
 * ```ts
 * import type { UIToolInvocation } from 'ai'
 * import type { TypedTool } from 'loomkit'
 *
 * type Weather = TypedTool<{ city: string }, { celsius: number }, unknown, 'weather'>
 * const degrees = ({ output }: UIToolInvocation<Weather>) => output?.celsius
 * ```
 */
export interface TypedTool<
  INPUT = unknown,
  OUTPUT = unknown,
  CONTEXT = unknown,
  NAME extends string = string,
  SCHEMAS extends DataSchemas = DataSchemas,
> extends NamedTool<INPUT, OUTPUT, CONTEXT, NAME, SCHEMAS> {
  /**
   * Does the work. A caller that is not Loom, such as a test or `generateText` of the AI SDK, may leave out
   * the facts that only a run of Loom has. If the client runs the tool, it is absent at run time: the types
   * of the AI SDK infer an output only from a required `execute`.
   */
  execute(
    input: INPUT,
    context: ToolContext<CONTEXT>,
  ): OUTPUT | Promise<OUTPUT> | AsyncIterable<OUTPUT>
  /**
   * Does the work for a caller that is not Loom, such as a test or `generateText` of the AI SDK.
   * Such a caller may leave out the facts that only a run of Loom has.
   */
  execute(
    input: INPUT,
    context: CallFacts<CONTEXT>,
  ): OUTPUT | Promise<OUTPUT> | AsyncIterable<OUTPUT>
  /** Only a type: no tool has this property. It holds the context that the tool needs. */
  readonly '~types'?: ToolTypes<CONTEXT>
}

/** The options that the AI SDK passes to a tool (`ToolExecutionOptions` of ai 7), and the facts that Loom adds. */
type CallFacts<CONTEXT> = Pick<ToolContext<CONTEXT>, 'toolCallId' | 'messages' | 'context'> &
  Partial<Omit<ToolContext<CONTEXT>, 'toolCallId' | 'messages' | 'context'>>

/** A function type, so that a tool fits only where its context is part of the agent's. */
export interface ToolTypes<CONTEXT> {
  /** Takes the context of the tool. The function exists only as a type. */
  context: (context: CONTEXT) => void
}

/** Tools that an agent with this context may have. Tools without the mark of `TypedTool` fit everywhere. */
type InContext<TOOL, CONTEXT> = [CONTEXT] extends [never]
  ? TOOL
  : TOOL & { readonly '~types'?: ToolTypes<CONTEXT> }

/**
 * The tools of an agent: Loom tools, sets of AI SDK tools (MCP tools too), or both. If two tools have one name,
 * the later one counts. With `CONTEXT`, only tools that need no other context fit.
 * @example
 * ```ts
 * import { jsonSchema, tool } from 'ai'
 * import { type AgentTools, human } from 'loomkit'
 *
 * const clock = tool({ inputSchema: jsonSchema({ type: 'object' }), execute: () => Date() })
 * const tools: AgentTools = [human(), { clock }]
 * ```
 */
export type AgentTools<CONTEXT = never> =
  | ToolSetIn<CONTEXT>
  | readonly (InContext<NamedTool, CONTEXT> | ToolSetIn<CONTEXT>)[]

/** A set of AI SDK tools that need no other context than `CONTEXT`. */
type ToolSetIn<CONTEXT> = [CONTEXT] extends [never]
  ? ToolSet
  : Record<string, InContext<ToolSet[string], CONTEXT>>

/** The context that tools need, all together. `unknown` if they need none, or their types do not say. */
export type ContextOfTools<TOOLS extends AgentTools> = All<
  TOOLS extends readonly (infer ENTRY)[] ? ContextOfEntry<ENTRY> : ContextOfEntry<TOOLS>
>

/** Contexts as the parameters of functions: a function of each of them is a function of all. */
type All<FUNCTIONS> = [FUNCTIONS] extends [(context: infer ALL) => void] ? ALL : unknown

/** The context of one tool, or of the tools of a set, as the parameter of a function. */
type ContextOfEntry<ENTRY> = ENTRY extends NamedTool
  ? ContextOfTool<ENTRY>
  : { [NAME in keyof ENTRY]: ContextOfTool<ENTRY[NAME]> }[keyof ENTRY]

/** The context of one tool, as the parameter of a function. */
type ContextOfTool<TOOL> = TOOL extends { readonly '~types'?: ToolTypes<infer CONTEXT> }
  ? (context: CONTEXT) => void
  : never
