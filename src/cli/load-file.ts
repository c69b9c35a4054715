/**
 * Loads agents and tools from files of the user. A file in any folder may import `loom`, `zod` and
 * `ai`, because the command provides these packages.
 */
import { stat } from 'node:fs/promises'
import { resolve } from 'node:path'

import type { JSONSchema7 } from '@ai-sdk/provider'
import { jsonSchema, type ToolSet } from 'ai'

import { type Agent, defineAgent } from '../agent.ts'
import { defineTool } from '../define-tool.ts'
import { errorMessage, LoomError } from '../ground/error.ts'
import { fieldsOf } from '../ground/fields.ts'
import type { ImportFile } from '../ground/file-module.ts'
import type { NamedTool } from '../tool.ts'

export interface FileWorld {
  /** The folder that relative paths start from. */
  directory: string
  importFile: ImportFile
}

/** Whether a word of the command line names a file, and not an agent or tool of Loom. */
export const isFile = (word: string): boolean => /[/\\]|\.[cm]?[jt]s$/.test(word)

/**
 * Returns the agent of a file: its default export, or the only agent that it exports.
 * @throws LoomError `invalid-config`
 */
export async function loadAgent(path: string, world: FileWorld): Promise<Agent> {
  const exported = await load(path, world)
  const [first, ...others] = candidates(exported, isAgent)
  if (first === undefined) {
    throw new LoomError('invalid-config', `${path} exports no agent: { name, systemPrompt, … }.`)
  }
  if (others.length > 0 && exported['default'] === undefined) {
    throw new LoomError('invalid-config', `${path} exports several agents: make one the default.`)
  }
  const { tools } = fieldsOf(first)
  if (tools !== undefined && typeof tools !== 'function' && typeof tools !== 'object') {
    throw new LoomError(
      'invalid-config',
      `${path}: tools must be a list, or a function that returns a list.`,
    )
  }
  // Tools inside an agent may be plain objects, like those of `--tools`.
  const own = Array.isArray(tools) ? { ...first, tools: tools.map(toolIn) } : first
  return 'approvalSecret' in first ? first : defineAgent(own)
}

/**
 * Returns all tools that a file exports.
 * @throws LoomError `invalid-config`
 */
export async function loadTools(path: string, world: FileWorld): Promise<NamedTool[]> {
  const exported = await load(path, world)
  const lists = Object.values(exported).flatMap((value) => (Array.isArray(value) ? value : [value]))
  const tools = [...new Set(lists)].filter(isTool)
  if (tools.length > 0) return tools.map(withSchema)
  throw new LoomError(
    'invalid-config',
    `${path} exports no tool: { name, description, inputSchema, execute }.`,
  )
}

async function load(
  path: string,
  { directory, importFile }: FileWorld,
): Promise<Record<string, unknown>> {
  const file = resolve(directory, path)
  const stats = await stat(file).catch(() => undefined)
  if (stats?.isFile() !== true) throw new LoomError('invalid-config', `There is no file ${path}.`)
  try {
    return { ...fieldsOf(await importFile(file)) }
  } catch (cause) {
    const message = `${path}${lineIn(cause, file)} cannot be loaded: ${errorMessage(cause)}`
    throw new LoomError('invalid-config', message, { cause })
  }
}

/**
 * The line of the error in the file. Empty if Node.js does not report it, as for many syntax
 * errors.
 */
function lineIn(error: unknown, file: string): string {
  const stack = error instanceof Error ? (error.stack ?? '') : ''
  const at = stack.indexOf(`${file}:`)
  const [, line] = /^:(\d+)/.exec(at === -1 ? '' : stack.slice(at + file.length)) ?? []
  return line === undefined ? '' : `:${line}`
}

function candidates<VALUE>(
  exported: Record<string, unknown>,
  fits: (value: unknown) => value is VALUE,
): VALUE[] {
  const { default: main, ...others } = exported
  return [...new Set([main, ...Object.values(others)])].filter(fits)
}

const toolIn = (entry: NamedTool | ToolSet) =>
  isTool(entry) && isPlain(entry.inputSchema) ? withSchema(entry) : entry

/** A first check. `defineAgent` and the run check the other fields. */
function isAgent(value: unknown): value is Agent {
  const { name, systemPrompt } = fieldsOf(value)
  const isPrompt =
    ['string', 'function'].includes(typeof systemPrompt) || Array.isArray(systemPrompt)
  return typeof name === 'string' && isPrompt
}

function isTool(value: unknown): value is NamedTool {
  const { name, description, inputSchema } = fieldsOf(value)
  return typeof name === 'string' && typeof description === 'string' && inputSchema !== undefined
}

/** Converts a schema in plain JSON, for files that import nothing. */
function withSchema(tool: NamedTool): NamedTool {
  const { inputSchema } = tool
  return defineTool({
    ...tool,
    ...(isPlain(inputSchema) && { inputSchema: jsonSchema(inputSchema) }),
  })
}

const isPlain = (schema: unknown): schema is JSONSchema7 =>
  fieldsOf(schema)['type'] === 'object' && fieldsOf(schema)['~standard'] === undefined
