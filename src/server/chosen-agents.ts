/**
 * The agents of an application that a server offers. An agent that can act on the machine is
 * offered only if `LOOM_AGENTS` names it, because its users can run commands there.
 */
import type { Agent } from '../agent.ts'
import type { Config } from '../config.ts'
import type { Environment } from '../ground/environment.ts'
import { LoomError } from '../ground/error.ts'
import type { Sandbox } from '../machine/sandbox.ts'
import type { Workspace } from '../machine/workspace.ts'
import { openWorkspace, type OpenedWorkspace } from './open-workspace.ts'

/** The objects that an agent that acts on the machine receives. */
export interface ActingWorld {
  workspace: Workspace
  sandbox: Sandbox
  environment: Environment
}

export interface AppAgents {
  /** The agents that are offered without `LOOM_AGENTS`. None of them can act on the machine. */
  harmless: readonly Agent[]
  /** Agents that act on the machine, by name. They are created only if they are offered. */
  acting: Readonly<Record<string, (world: ActingWorld) => Agent | Promise<Agent>>>
}

export interface ChooseOptions {
  config: Config
  environment: Environment
  /** Receives a line if commands are less confined than with bubblewrap. */
  notice: (line: string) => void
}

export interface ChosenAgents {
  agents: readonly Agent[]
  /** Undefined if no agent acts on the machine. */
  opened: OpenedWorkspace | undefined
}

/** @throws LoomError `invalid-config` for an unknown name, or for a workspace that cannot be used */
export async function chooseAgents(
  { harmless, acting }: AppAgents,
  { config, environment, notice }: ChooseOptions,
): Promise<ChosenAgents> {
  const harmlessNames = harmless.map(({ name }) => name)
  const allNames = [...harmlessNames, ...Object.keys(acting)]
  const names = config.agents ?? harmlessNames
  const unknown = names.find((name) => !allNames.includes(name))
  if (unknown !== undefined) throw badName('LOOM_AGENTS must only name', allNames, unknown)
  if (!names.includes(config.agent)) {
    if (allNames.includes(config.agent)) throw notOffered(config.agent, names)
    throw badName('LOOM_AGENT must be one of', names, config.agent)
  }
  const makers = Object.entries(acting).filter(([name]) => names.includes(name))
  const harmlessAgents = harmless.filter(({ name }) => names.includes(name))
  if (makers.length === 0) return { agents: harmlessAgents, opened: undefined }
  const opened = await openWorkspace({ config, environment, notice })
  const { workspace, sandbox } = opened
  const world = { workspace, sandbox, environment }
  const actingAgents = await Promise.all(makers.map(async ([, make]) => make(world)))
  return { agents: [...harmlessAgents, ...actingAgents], opened }
}

const badName = (rule: string, names: readonly string[], got: string) =>
  new LoomError('invalid-config', `${rule} ${names.join(', ')}; got ${JSON.stringify(got)}`)

const notOffered = (name: string, names: readonly string[]) =>
  new LoomError(
    'invalid-config',
    `LOOM_AGENT ${name} is not offered here: set LOOM_AGENTS=${[...names, name].join(',')}`,
  )
