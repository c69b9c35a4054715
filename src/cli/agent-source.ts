/** The agents of a server: those of its start, or those of files that change (`loom dev`). */
import type { ActingAgent } from '../acting.ts'
import type { Agent } from '../agent.ts'
import { errorMessage, LoomError } from '../ground/error.ts'
import type { Loom } from '../loom.ts'
import { agentNames, agentsOf, type AppAgents } from '../project/agents.ts'
import type { Project } from '../project/default-folder.ts'
import { ReloadedAgents } from '../project/reloaded-agents.ts'
import { servedModules } from '../project/served-modules.ts'
import { chooseAgents, type ChooseOptions, type ChosenAgents } from '../server/chosen-agents.ts'
import { openWorkspace, type OpenedWorkspace } from '../server/open-workspace.ts'

export interface AgentSourceOptions extends ChooseOptions {
  project: Project
  /** Files and folders with agents. */
  paths: readonly string[]
  /** @defaultValue false */
  isDev?: boolean
}

export interface AgentSource {
  /** The agents at the start. */
  chosen: ChosenAgents
  /**
   * Replaces the agents of `loom` after each change of their files. The agents stay as they are if the
   * new ones cannot be used. Settles after `close`.
   * @param check rejects if the agents cannot run, for example without a key for their model
   */
  follow: (loom: Loom, check: (agents: readonly Agent[]) => Promise<void>) => Promise<void>
  close: () => void
}

/** @throws LoomError `invalid-config` or `invalid-request` if the agents cannot be served */
export async function openAgents(options: AgentSourceOptions): Promise<AgentSource> {
  if (options.isDev === true) return openReloaded(options)
  const { paths, project } = options
  const chosen = await chooseAgents(await agentsOf(await servedModules(paths, project)), options)
  return { chosen, follow: () => Promise.resolve(), close: () => undefined }
}

async function openReloaded(options: AgentSourceOptions): Promise<AgentSource> {
  const { notice } = options
  const files = new ReloadedAgents(options)
  const created = new WeakMap<ActingAgent, Agent | Promise<Agent>>()
  const source: Source = {
    isFaulty: () => files.isFaulty,
    change: () => files.change(),
    load: async () => withOneOfEach(await files.load(), created),
  }
  // One workspace for all versions of an agent: its journal and its sandbox belong to the process.
  let opening: Promise<OpenedWorkspace> | undefined
  const shared = { ...options, open: () => (opening ??= openWorkspace(options)) }
  return {
    chosen: await firstAgents(source, shared),
    async follow(loom, check) {
      while (await source.change()) {
        try {
          const { agents, defaultAgent } = await presentAgents(await source.load(), shared)
          await check(agents)
          const changes = changesOf(loom.agents, agents)
          loom.replaceAgents(agents, defaultAgent)
          if (changes !== '') notice(`reloaded: ${changes}`)
        } catch (error) {
          notice(`${errorMessage(error)} The agents stay as they were.`)
        }
      }
    },
    close: () => files.close(),
  }
}

interface Source {
  isFaulty: () => boolean
  load: () => Promise<AppAgents>
  change: () => Promise<boolean>
}

/** An agent that acts on the machine is created again only if its file has changed. */
function withOneOfEach(
  { harmless, acting }: AppAgents,
  created: WeakMap<ActingAgent, Agent | Promise<Agent>>,
): AppAgents {
  const once = (definition: ActingAgent): ActingAgent => ({
    ...definition,
    create(world) {
      const agent = created.get(definition) ?? definition.create(world)
      created.set(definition, agent)
      return agent
    },
  })
  return { harmless, acting: acting.map(once) }
}

/** Waits for a file that exports an agent. A wrong setting is an error, as for `serve`. */
async function firstAgents(source: Source, options: ChooseOptions): Promise<ChosenAgents> {
  for (;;) {
    const app = await source.load()
    try {
      if (agentNames(app).length > 0) return await chooseAgents(app, options)
    } catch (error) {
      // The name in a setting may be that of an agent in the faulty file.
      if (!source.isFaulty() || !(error instanceof LoomError)) throw error
      options.notice(error.message)
    }
    options.notice('no agent can be served yet: waiting for a change of the files')
    await source.change()
  }
}

/** The agents that exist now. A setting may name an agent whose file was removed. */
async function presentAgents(
  app: AppAgents,
  options: ChooseOptions,
): Promise<Pick<ChosenAgents, 'agents'> & { defaultAgent?: string }> {
  const { config } = options
  const names = new Set(agentNames(app))
  const offered = config.agents?.filter((name) => names.has(name))
  const isNone = offered === undefined ? app.harmless.length === 0 : offered.length === 0
  if (isNone) return { agents: [] }
  const isPresent =
    config.agent !== undefined &&
    (offered ?? app.harmless.map(({ name }) => name)).includes(config.agent)
  const present = { ...config, agents: offered, agent: isPresent ? config.agent : undefined }
  return chooseAgents(app, { ...options, config: present })
}

/** For people: `tutor changed, poet added`. */
function changesOf(before: readonly Agent[], now: readonly Agent[]): string {
  const named = (agents: readonly Agent[]) => new Map(agents.map((agent) => [agent.name, agent]))
  const [old, current] = [named(before), named(now)]
  const kept = [...current].filter(([name, agent]) => old.get(name) !== agent)
  return [
    ...kept.map(([name]) => `${name} ${old.has(name) ? 'changed' : 'added'}`),
    ...[...old.keys()].filter((name) => !current.has(name)).map((name) => `${name} removed`),
  ].join(', ')
}
