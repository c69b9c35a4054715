/**
 * Finds the agents and tools that the command line names: those of the app, or files of the user.
 */
import { resolve } from 'node:path'

import type { Agent } from '../agent.ts'
import { LoomError } from '../ground/error.ts'
import type { ActingWorld, AppAgents } from '../server/chosen-agents.ts'
import type { NamedTool } from '../tool.ts'
import type { AppTools, CommandWorld } from './app.ts'
import { type FileWorld, isFile, loadAgent, loadTools } from './load-file.ts'

export interface NameWorld extends CommandWorld {
  /**
   * Opens the workspace. This takes time, so it is called only for agents and tools that act there.
   * With `runsCommands`, it also detects the sandbox and reports a weak one.
   */
  acting: (options: { runsCommands: boolean }) => Promise<ActingWorld>
}

export const agentNames = ({ harmless, acting }: AppAgents): string[] => [
  ...harmless.map(({ name }) => name),
  ...Object.keys(acting),
]

export const toolNames = ({ harmless, acting }: AppTools): string[] => [
  ...Object.keys(harmless),
  ...Object.keys(acting),
]

/** @throws LoomError `unknown-agent`, or `invalid-config` for a file that cannot be used */
export async function findAgent(
  word: string,
  { agents, world }: { agents: AppAgents; world: NameWorld },
): Promise<Agent> {
  if (isFile(word)) return loadAgent(word, filesOf(world))
  const agent = agents.harmless.find(({ name }) => name === word)
  if (agent !== undefined) return agent
  const make = ownProperty(agents.acting, word)
  if (make !== undefined) return make(await world.acting({ runsCommands: true }))
  throw new LoomError(
    'unknown-agent',
    `There is no agent ${JSON.stringify(word)}. There are: ${agentNames(agents).join(', ')}. To use a file, write its path, such as ./my-agent.ts.`,
  )
}

/** @throws LoomError `invalid-request` for an unknown name, or `invalid-config` for a bad file */
export async function findTools(
  words: readonly string[],
  world: NameWorld,
): Promise<readonly NamedTool[]> {
  const { tools } = world.app
  const known = toolNames(tools)
  const unknown = words.find((word) => !isFile(word) && !known.includes(word))
  if (unknown !== undefined) {
    throw new LoomError(
      'invalid-request',
      `There is no tool ${JSON.stringify(unknown)}. There are: ${known.join(', ')}. To use a file, write its path, such as ./my-tools.ts.`,
    )
  }
  const found = [...new Set(words)].map((word) => toolsOf(word, world))
  return (await Promise.all(found)).flat()
}

async function toolsOf(word: string, world: NameWorld): Promise<readonly NamedTool[]> {
  if (isFile(word)) return loadTools(word, filesOf(world))
  const { harmless, acting } = world.app.tools
  const make = ownProperty(harmless, word)
  if (make !== undefined) return [await make()]
  const open = ownProperty(acting, word)
  return open === undefined
    ? []
    : [await open(await world.acting({ runsCommands: word === 'bash' }))]
}

function ownProperty<VALUE>(
  record: Readonly<Record<string, VALUE>>,
  name: string,
): VALUE | undefined {
  return Object.hasOwn(record, name) ? record[name] : undefined
}

const filesOf = ({ program, app }: CommandWorld): FileWorld => ({
  directory: resolve(program.cwd()),
  importFile: app.importFile,
})
