/**
 * The tools of one step, ready to be offered and called. Every form of tool becomes one with a name, a
 * JSON schema for the model and a check of the model's input.
 */
import type { LanguageModelV4FunctionTool, LanguageModelV4ProviderTool } from '@ai-sdk/provider'
import { asSchema, type FlexibleSchema, type ToolResultPart, type ToolSet } from 'ai'

import type { DataSchemas } from '../data-part.ts'
import { errorMessage, LoomError } from '../ground/error.ts'
import { isName } from '../ground/name.ts'
import { subAgentOf } from '../sub-agent.ts'
import { isNamedTool, type ToolEntry, toolEntries } from '../tool-list.ts'
import type { AgentTools, NamedTool, RetryClass, ToolContext } from '../tool.ts'
import { callbackResult } from './callback-result.ts'
import { objectSchema } from './input-schema.ts'
import { issuesOf } from './schema-issues.ts'

export type ToolOutput = ToolResultPart['output']

type Offer = LanguageModelV4FunctionTool | LanguageModelV4ProviderTool

export interface ReadyTool {
  name: string
  title: string | undefined
  /** Whether the client cannot know the tool's types. */
  dynamic: boolean
  retry: RetryClass
  /** Whether the tool runs an agent, which is a task in a session. */
  hasAgent: boolean
  timeoutMs: number | undefined
  /** The schemas of the data parts that the tool writes. */
  dataSchemas: DataSchemas | undefined
  /** Returns the tool as the model receives it. */
  offer: (context: unknown) => Offer
  check: (input: unknown) => Promise<{ input: unknown } | { refusal: string }>
  /** Undefined if the client or the provider runs the tool. */
  execute: ((input: unknown, context: ToolContext) => unknown) | undefined
  needsApproval: (
    input: unknown,
    context: Pick<ToolContext, 'toolCallId' | 'messages' | 'context'>,
  ) => boolean | PromiseLike<boolean>
  toModelOutput:
    | ((options: {
        toolCallId: string
        input: unknown
        output: unknown
      }) => ToolOutput | PromiseLike<ToolOutput>)
    | undefined
}

/** The longest time of a call, in milliseconds, for a tool without a limit of its own. */
export const defaultTimeoutMs = 600_000

export type ToolTable = ReadonlyMap<string, ReadyTool>

/**
 * Prepares the tools of an agent. If two have the same name, the later one is used.
 * @throws LoomError `invalid-config` for a schema or a name that no model accepts.
 */
export async function toolTable(tools: AgentTools | undefined): Promise<ToolTable> {
  const named = toolEntries(tools).flatMap(namedTools)
  const ready = await Promise.all(named.map(([name, tool]) => readyTool(name, tool)))
  return new Map(ready.map((tool) => [tool.name, tool]))
}

/** Returns the tools that are active. Undefined stands for all; a name without a tool is ignored. */
export function activeTable(tools: ToolTable, active: readonly string[] | undefined): ToolTable {
  if (active === undefined) return tools
  return new Map([...tools].filter(([name]) => active.includes(name)))
}

type OfferedTool = NamedTool | ToolSet[string]

function namedTools(entry: ToolEntry): [string, OfferedTool][] {
  if (isNamedTool(entry)) return [[entry.name, entry]]
  const mistake = mistakeIn(entry)
  if (mistake !== undefined) throw new LoomError('invalid-config', mistake)
  return Object.entries<OfferedTool>(entry)
}

/** Two mistakes that would otherwise be reported as an error of a tool with the name of a field. */
function mistakeIn(entry: Readonly<Record<string, unknown>>): string | undefined {
  const { name, systemPrompt, description, execute, inputSchema } = entry
  if (['string', 'function'].includes(typeof systemPrompt)) {
    return `The tools have the agent ${JSON.stringify(name)}: write agentTool(agent).`
  }
  const isTool = typeof execute === 'function' || typeof description === 'string'
  if (!isTool || inputSchema === undefined) return undefined
  return 'A tool in the list of tools has no name: write { its_name: tool({ … }) }, or use defineTool.'
}

// A schema is converted once per tool object, not once per run: zod takes about a millisecond.
const readyTools = new WeakMap<object, Promise<ReadyTool>>()

async function readyTool(name: string, tool: OfferedTool | undefined): Promise<ReadyTool> {
  // `{ search: key && searchTool }`, and a named tool without a schema: the types do not exclude these.
  if (typeof tool !== 'object' || tool === null) {
    throw new LoomError('invalid-config', `Tool ${JSON.stringify(name)} is no tool object.`)
  }
  const cached = readyTools.get(tool)
  if (cached !== undefined)
    return cached.then((ready) => (ready.name === name ? ready : makeReady(name, tool)))
  const promise = makeReady(name, tool)
  readyTools.set(tool, promise)
  promise.catch(() => readyTools.delete(tool))
  return promise
}

async function makeReady(name: string, tool: OfferedTool): Promise<ReadyTool> {
  if (!isName(name)) {
    throw new LoomError(
      'invalid-config',
      `Tool name "${name}" must be 1 to 64 letters, digits, "_" or "-".`,
    )
  }
  const { needsApproval } = tool
  return {
    name,
    title: tool.title,
    dynamic: 'type' in tool && tool.type === 'dynamic',
    retry: 'retry' in tool ? (tool.retry ?? 'never') : 'never',
    hasAgent: subAgentOf(tool) !== undefined,
    timeoutMs: 'timeoutMs' in tool ? tool.timeoutMs : undefined,
    dataSchemas: 'dataSchemas' in tool ? tool.dataSchemas : undefined,
    offer: await offerOf(name, tool),
    check: checkOf(name, tool),
    execute:
      tool.execute === undefined ? undefined : (input, context) => tool.execute?.(input, context),
    needsApproval: (input, context) =>
      // A tool may be written without types. Any other value than false must not let a call through.
      typeof needsApproval === 'function' ? needsApproval(input, context) : Boolean(needsApproval),
    toModelOutput:
      tool.toModelOutput === undefined
        ? undefined
        : (options) => tool.toModelOutput?.(options) ?? textOf(options.output),
  }
}

const textOf = (output: unknown): ToolOutput => ({ type: 'text', value: String(output) })

async function offerOf(name: string, tool: OfferedTool): Promise<ReadyTool['offer']> {
  if ('type' in tool && tool.type === 'provider') {
    const offer: Offer = { type: 'provider', name, id: tool.id, args: tool.args }
    return () => offer
  }
  const { description } = tool
  const providerOptions = 'providerOptions' in tool ? tool.providerOptions : undefined
  const offer: Offer = {
    type: 'function',
    name,
    ...(typeof description === 'string' ? { description } : {}),
    inputSchema: await jsonSchemaOf(name, tool.inputSchema),
    ...('strict' in tool && tool.strict !== undefined ? { strict: tool.strict } : {}),
    ...(providerOptions === undefined ? {} : { providerOptions }),
  }
  if (typeof description !== 'function') return () => offer
  return (context) => ({ ...offer, description: description({ context }) })
}

async function jsonSchemaOf(name: string, inputSchema: FlexibleSchema<unknown>) {
  try {
    return objectSchema(await asSchema(inputSchema).jsonSchema)
  } catch (cause) {
    const message = `The input schema of tool "${name}" has no JSON form: ${errorMessage(cause)}`
    throw new LoomError('invalid-config', message, { cause })
  }
}

function checkOf(name: string, tool: OfferedTool): ReadyTool['check'] {
  const schema = asSchema(tool.inputSchema)
  const limitMs = ('timeoutMs' in tool ? tool.timeoutMs : undefined) ?? defaultTimeoutMs
  const call = { name: `The input schema of tool "${name}"`, limitMs }
  return async (input) => {
    const { validate } = schema
    if (validate === undefined) return { input }
    try {
      const result = await callbackResult(call, () => validate(input))
      return result.success ? { input: result.value } : { refusal: issuesOf(result.error) }
    } catch (error) {
      // A transform or a rule of the schema threw. The input is refused; the stream goes on.
      return { refusal: errorMessage(error) }
    }
  }
}
