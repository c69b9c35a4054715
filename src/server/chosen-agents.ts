/**
 * The agents of an application that a server offers. An agent that can act on the machine is
 * offered only if `LOOM_AGENTS` names it, because its users can run commands there.
 */
import type { Agent } from '../agent.ts'
import type { Config } from '../config.ts'
import type { Environment } from '../ground/environment.ts'
import { LoomError } from '../ground/error.ts'
import { agentNames, type AppAgents } from '../project/agents.ts'
import { openWorkspace, type OpenedWorkspace } from './open-workspace.ts'

export interface ChooseOptions {
  config: Config
  environment: Environment
  /** Receives a line if commands are less confined than with bubblewrap. */
  notice: (line: string) => void
  /** Opens the workspace. @defaultValue opens a new one from the settings */
  open?: () => Promise<OpenedWorkspace>
}

export interface ChosenAgents {
  agents: readonly Agent[]
  /** The name of the agent of requests that name none. */
  defaultAgent: string
  /** Undefined if no agent acts on the machine. */
  opened: OpenedWorkspace | undefined
}

/** @throws LoomError `invalid-config` for an unknown name, or for a workspace that cannot be used */
export async function chooseAgents(app: AppAgents, options: ChooseOptions): Promise<ChosenAgents> {
  const { config, environment, open = () => openWorkspace(options) } = options
  const names = offeredNames(app, config)
  const defaultAgent = defaultName(app, { names, config })
  const { harmless, acting } = app
  const offered = acting.filter(({ name }) => names.includes(name))
  const harmlessAgents = harmless.filter(({ name }) => names.includes(name))
  if (offered.length === 0) return { agents: harmlessAgents, defaultAgent, opened: undefined }
  const opened = await open()
  const { workspace, sandbox } = opened
  const world = { workspace, sandbox, environment }
  const actingAgents = await Promise.all(offered.map(async ({ create }) => create(world)))
  return { agents: [...harmlessAgents, ...actingAgents], defaultAgent, opened }
}

function offeredNames(app: AppAgents, config: Config): readonly string[] {
  const harmlessNames = app.harmless.map(({ name }) => name)
  const allNames = agentNames(app)
  const names = config.agents ?? harmlessNames
  const unknown = names.find((name) => !allNames.includes(name))
  if (unknown !== undefined) throw badName('LOOM_AGENTS must only name', allNames, unknown)
  if (names.length > 0) return names
  throw new LoomError(
    'invalid-config',
    `No agent is offered, because each of them acts on this machine. To offer them, set LOOM_AGENTS=${allNames.join(',')}`,
  )
}

/** @throws LoomError `invalid-config` */
function defaultName(
  app: AppAgents,
  { names, config: { agent } }: { names: readonly string[]; config: Config },
): string {
  if (agent === undefined) {
    const [first = usualAgent] = names
    return names.includes(usualAgent) ? usualAgent : first
  }
  if (names.includes(agent)) return agent
  const allNames = agentNames(app)
  if (allNames.includes(agent)) throw notOffered(agent, names)
  throw badName('LOOM_AGENT must be one of', names, agent)
}

/** The default agent where the operator names none, if it is offered. */
const usualAgent = 'assistant'

const badName = (rule: string, names: readonly string[], got: string) =>
  new LoomError('invalid-config', `${rule} ${names.join(', ')}; got ${JSON.stringify(got)}`)

const notOffered = (name: string, names: readonly string[]) =>
  new LoomError(
    'invalid-config',
    `LOOM_AGENT ${name} is not offered here: set LOOM_AGENTS=${[...names, name].join(',')}`,
  )
