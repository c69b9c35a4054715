/**
 * Loads agents and tools from files of the user. A file in any folder may import `loomkit`, `zod` and
 * `ai`, because the command provides these packages.
 */
import { stat } from 'node:fs/promises'
import { resolve } from 'node:path'

import type { ActingAgent } from '../acting.ts'
import type { Agent } from '../agent.ts'
import { LoomError } from '../ground/error.ts'
import {
  completeAgent,
  type Exports,
  isActingAgent,
  isAgent,
  valuesOf,
} from '../project/exports.ts'
import { exportsOf, type FileWorld, moduleFile } from '../project/load-module.ts'
import { type AppTool, toolsOf } from '../project/tools.ts'

/** Whether a word of the command line names a file, and not an agent or tool of Loom. */
export const isFile = (word: string): boolean => /[/\\]|\.[cm]?[jt]s$/.test(word)

/**
 * Returns the agent of a file: its default export, or the only agent that it exports.
 * @throws LoomError `invalid-config`
 */
export async function loadAgent(path: string, world: FileWorld): Promise<Agent | ActingAgent> {
  const exported = await load(path, world)
  const [first, ...others] = valuesOf(exported).filter(
    (value) => isAgent(value) || isActingAgent(value),
  )
  if (first === undefined) {
    throw new LoomError('invalid-config', `${path} exports no agent: { name, systemPrompt, … }.`)
  }
  if (others.length > 0 && exported['default'] === undefined) {
    throw new LoomError('invalid-config', `${path} exports several agents: make one the default.`)
  }
  return isActingAgent(first) ? first : completeAgent(first, path)
}

/**
 * Returns all tools that a file exports.
 * @throws LoomError `invalid-config`
 */
export async function loadTools(path: string, world: FileWorld): Promise<AppTool[]> {
  const exported = await load(path, world)
  const tools = await toolsOf([{ path, load: () => Promise.resolve(exported) }])
  if (tools.length > 0) return tools
  throw new LoomError(
    'invalid-config',
    `${path} exports no tool: { name, description, inputSchema, execute }.`,
  )
}

async function load(path: string, world: FileWorld): Promise<Exports> {
  const file = resolve(world.directory, path)
  const stats = await stat(file).catch(() => undefined)
  if (stats?.isFile() !== true) throw new LoomError('invalid-config', `There is no file ${path}.`)
  return exportsOf(moduleFile(file, world, path))
}
