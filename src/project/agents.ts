/** The agents that modules export. */
import type { ActingAgent } from '../acting.ts'
import type { Agent } from '../agent.ts'
import { LoomError } from '../ground/error.ts'
import { completeAgent, type Exports, isActingAgent, isAgent, valuesOf } from './exports.ts'
import { LoadError } from './load-module.ts'
import type { ModuleFile } from './module-file.ts'

export interface AppAgents {
  /** The agents that are offered without `LOOM_AGENTS`. None of them can act on the machine. */
  harmless: readonly Agent[]
  /** Agents that act on the machine. They are created only if they are offered. */
  acting: readonly ActingAgent[]
}

/** Returns the names of the agents, in the order in which a server lists them. */
export const agentNames = ({ harmless, acting }: AppAgents): string[] =>
  [...harmless, ...acting].map(({ name }) => name)

/**
 * Loads the modules and returns their agents.
 * @throws LoomError `invalid-config` with a line for each module that cannot be used, and if two agents
 * have one name
 */
export async function agentsOf(files: readonly ModuleFile[]): Promise<AppAgents> {
  const loaded = await loadEach(files)
  const failures = loaded.flatMap(({ failure }) => failure ?? [])
  if (failures.length > 0) throw jointError(failures)
  return jointAgents(loaded.flatMap(({ agents }) => agents))
}

/** The agents of a module, or the reason that it has none. */
export interface LoadedFile {
  path: string
  agents: readonly AgentOfFile[]
  failure?: LoomError
}

/** Loads the modules. One that cannot be used does not prevent the others. */
async function loadEach(files: readonly ModuleFile[]): Promise<LoadedFile[]> {
  const loaded: LoadedFile[] = []
  // One after the other: the cause of a syntax error is the file that was read last.
  for (const file of files) loaded.push(await loadFile(file))
  return loaded
}

/** Loads a module. A failure of the module is part of the result. */
export async function loadFile(file: ModuleFile): Promise<LoadedFile> {
  const { path } = file
  try {
    return { path, agents: await agentsIn(file) }
  } catch (error) {
    if (!(error instanceof LoomError)) throw error
    return { path, agents: [], failure: error }
  }
}

/** @throws LoomError `invalid-config` if two agents have one name */
export function jointAgents(all: readonly AgentOfFile[]): AppAgents {
  const byName = new Map<string, AgentOfFile>()
  for (const each of all) {
    const { name } = each.value
    const other = byName.get(name)
    // One file may export the agent of another file again.
    if (other !== undefined && other.source !== each.source) throw sameName(name, other, each)
    byName.set(name, other ?? each)
  }
  const values = [...byName.values()].map(({ value }) => value)
  return {
    harmless: values.filter((value): value is Agent => !isActingAgent(value)),
    acting: values.filter(isActingAgent),
  }
}

export interface AgentOfFile {
  path: string
  /** The exported value, which is the same in each file that exports it. */
  source: unknown
  value: Agent | ActingAgent
}

async function agentsIn(file: ModuleFile): Promise<AgentOfFile[]> {
  const { path } = file
  const module = await file.load()
  const known = agentsByModule.get(module)
  if (known !== undefined) return known
  const exported: Exports = { ...module }
  const found = valuesOf(exported).flatMap((source): AgentOfFile[] => {
    if (isActingAgent(source)) return [{ path, source, value: source }]
    return isAgent(source) ? [{ path, source, value: complete(source, path) }] : []
  })
  if (found.length === 0) throw noAgent(path, exported)
  agentsByModule.set(module, found)
  return found
}

/** A module that is loaded again without a change keeps its agents. */
const agentsByModule = new WeakMap<object, AgentOfFile[]>()

function complete(agent: Agent, path: string): Agent {
  try {
    return completeAgent(agent, path)
  } catch (cause) {
    if (!(cause instanceof LoomError) || cause.message.startsWith(path)) throw cause
    throw new LoomError('invalid-config', `${path}: ${cause.message}`, { cause })
  }
}

function noAgent(path: string, exported: Exports): LoomError {
  const factory = Object.entries(exported).find(([, value]) => typeof value === 'function')
  const hint =
    factory === undefined
      ? 'export defineAgent({ name, systemPrompt, … }), or begin the name of a file that others import with "_".'
      : `its export ${factory[0]} is a function. Export the agent itself, or defineActingAgent(name, create) for an agent that acts on the machine.`
  return new LoomError('invalid-config', `${path} exports no agent: ${hint}`)
}

const sameName = (name: string, one: AgentOfFile, other: AgentOfFile) =>
  new LoomError(
    'invalid-config',
    one.path === other.path
      ? `${one.path} exports two agents named "${name}": each agent needs a name of its own.`
      : `Two agents are named "${name}": ${one.path} and ${other.path} export one each. Rename one of them.`,
  )

/** An error with a line for each failure. A wrong file that several others import is one failure. */
export function jointError(failures: readonly LoomError[]): LoomError {
  const lines = new Map<string, string>()
  for (const error of failures) {
    const failure = error instanceof LoadError ? error.failure : error.message
    // Without importers, if there is such a line.
    if (!lines.has(failure) || error.message === failure) lines.set(failure, error.message)
  }
  const cause = failures.length === 1 ? failures[0] : new AggregateError(failures)
  return new LoomError('invalid-config', [...lines.values()].join('\n'), { cause })
}
