/** The agents and tools among the exports of a module. */
import type { JSONSchema7 } from '@ai-sdk/provider'
import { jsonSchema, type ToolSet } from 'ai'

import type { ActingAgent, ActingTool } from '../acting.ts'
import { type Agent, type AgentDefinition, defineAgent } from '../agent.ts'
import { defineTool } from '../define-tool.ts'
import { LoomError } from '../ground/error.ts'
import { fieldsOf } from '../ground/fields.ts'
import type { NamedTool } from '../tool.ts'

/** The exports of a module, by name. */
export type Exports = Readonly<Record<string, unknown>>

/** Returns the exports, the default export first. Each value comes once, and a list as its items. */
export function valuesOf({ default: main, ...others }: Exports): unknown[] {
  const values = [main, ...Object.values(others)]
  return [
    ...new Set(values.flatMap((value): unknown[] => (Array.isArray(value) ? value : [value]))),
  ]
}

/** A first check. `defineAgent` and the run check the other fields. */
export function isAgent(value: unknown): value is Agent {
  const { name, systemPrompt } = fieldsOf(value)
  const isPrompt =
    ['string', 'function'].includes(typeof systemPrompt) || Array.isArray(systemPrompt)
  return typeof name === 'string' && isPrompt
}

export function isActingAgent(value: unknown): value is ActingAgent {
  const { acting, name, create } = fieldsOf(value)
  return acting === 'agent' && typeof name === 'string' && typeof create === 'function'
}

export function isTool(value: unknown): value is NamedTool {
  const { name, description, inputSchema } = fieldsOf(value)
  return typeof name === 'string' && typeof description === 'string' && inputSchema !== undefined
}

export function isActingTool(value: unknown): value is ActingTool {
  const { acting, name, create } = fieldsOf(value)
  return acting === 'tool' && typeof name === 'string' && typeof create === 'function'
}

/**
 * Completes an agent that may be a plain object with plain tools, for files that import nothing.
 * @param path the file, for the error text
 * @throws LoomError `invalid-config`
 */
export function completeAgent(agent: Agent, path: string): Agent {
  // A file of the user may be JavaScript, so the type is not sure.
  const tools: unknown = agent.tools
  if (tools !== undefined && typeof tools !== 'function' && typeof tools !== 'object') {
    throw new LoomError(
      'invalid-config',
      `${path}: tools must be a list, or a function that returns a list.`,
    )
  }
  if ('approvalSecret' in agent) return agent
  const definition: AgentDefinition = agent
  return defineAgent(
    Array.isArray(tools) ? { ...definition, tools: tools.map(toolIn) } : definition,
  )
}

const toolIn = (entry: NamedTool | ToolSet) =>
  isTool(entry) && isPlain(entry.inputSchema) ? completeTool(entry) : entry

/** Converts a schema in plain JSON, for files that import nothing. @throws LoomError `invalid-config` */
export function completeTool(tool: NamedTool): NamedTool {
  const { inputSchema } = tool
  return defineTool({
    ...tool,
    ...(isPlain(inputSchema) && { inputSchema: jsonSchema(inputSchema) }),
  })
}

const isPlain = (schema: unknown): schema is JSONSchema7 =>
  fieldsOf(schema)['type'] === 'object' && fieldsOf(schema)['~standard'] === undefined
