/**
 * Finds the agents and tools that the command line names: those of the current folder, Loom's own, or
 * files of the user.
 */
import type { ActingWorld } from '../acting.ts'
import type { Agent } from '../agent.ts'
import { LoomError } from '../ground/error.ts'
import { agentNames, agentsOf, type AppAgents } from '../project/agents.ts'
import { ownModules, type Project } from '../project/default-folder.ts'
import { isActingAgent, isActingTool } from '../project/exports.ts'
import { type AppTool, toolNamed, toolsOf } from '../project/tools.ts'
import type { NamedTool } from '../tool.ts'
import type { CommandWorld } from './app.ts'
import { isFile, loadAgent, loadTools } from './load-file.ts'

export interface NameWorld extends CommandWorld {
  /**
   * Opens the workspace. This takes time, so it is called only for agents and tools that act there.
   * With `runsCommands`, it also detects the sandbox and reports a weak one.
   */
  acting: (options: { runsCommands: boolean }) => Promise<ActingWorld>
}

/** Loom's own agents. */
export async function builtInAgents({ app }: CommandWorld): Promise<AppAgents> {
  const { builtIn } = await app.modules()
  return agentsOf(await builtIn.modules('agent'))
}

/** The names of Loom's own tools. */
export async function builtInToolNames({ app }: CommandWorld): Promise<string[]> {
  const { builtIn } = await app.modules()
  return namesOf(await toolsOf(await builtIn.modules('tool')))
}

/** @throws LoomError `unknown-agent`, or `invalid-config` for a file that cannot be used */
export async function findAgent(
  word: string,
  { agents, world }: { agents: AppAgents; world: NameWorld },
): Promise<Agent> {
  const found = isFile(word)
    ? await loadAgent(word, await projectOf(world))
    : [...agents.harmless, ...agents.acting].find(({ name }) => name === word)
  if (found === undefined) {
    throw new LoomError(
      'unknown-agent',
      `There is no agent ${JSON.stringify(word)}. There are: ${agentNames(agents).join(', ')}. To use a file, write its path, such as ./my-agent.ts.`,
    )
  }
  return isActingAgent(found) ? found.create(await world.acting({ runsCommands: true })) : found
}

/**
 * Returns Loom's own agents. If the words name another one, it adds the agents of `./agents`. The code
 * of the current folder may not be trusted, so it runs only if the user names an agent that Loom lacks.
 * @throws LoomError `invalid-config` for a file that cannot be used
 */
export async function agentsFor(
  words: readonly (string | undefined)[],
  world: CommandWorld,
): Promise<AppAgents> {
  const builtIn = await builtInAgents(world)
  const known = new Set(agentNames(builtIn))
  const isElsewhere = (word: string | undefined) =>
    word !== undefined && !known.has(word) && !isFile(word)
  const files = words.some(isElsewhere)
    ? await ownModules('agent', await projectOf(world))
    : undefined
  if (files === undefined) return builtIn
  const own = await agentsOf(files)
  const isOther = ({ name }: { name: string }) => !known.has(name)
  return {
    harmless: [...builtIn.harmless, ...own.harmless.filter(isOther)],
    acting: [...builtIn.acting, ...own.acting.filter(isOther)],
  }
}

/** @throws LoomError `invalid-request` for an unknown name, or `invalid-config` for a bad file */
export async function findTools(
  words: readonly string[],
  world: NameWorld,
): Promise<readonly NamedTool[]> {
  const found = await Promise.all([...new Set(words)].map((word) => toolsFor(word, world)))
  return Promise.all(
    found.flat().map(async (tool) => {
      if (!isActingTool(tool)) return tool
      return tool.create(await world.acting({ runsCommands: tool.runsCommands }))
    }),
  )
}

/** The code of the current folder runs only for a name that Loom lacks. */
async function toolsFor(word: string, world: NameWorld): Promise<readonly AppTool[]> {
  const project = await projectOf(world)
  if (isFile(word)) return loadTools(word, project)
  const builtIn = await project.builtIn.modules('tool')
  const known = await toolNamed(word, builtIn)
  if (known !== undefined) return [known]
  const own = (await ownModules('tool', project)) ?? []
  const tool = await toolNamed(word, own)
  if (tool !== undefined) return [tool]
  const names = namesOf(await toolsOf([...builtIn, ...own]))
  throw new LoomError(
    'invalid-request',
    `There is no tool ${JSON.stringify(word)}. There are: ${names.join(', ')}. To use a file, write its path, such as ./my-tools.ts.`,
  )
}

/** The tools that act on the machine come last. */
function namesOf(tools: readonly AppTool[]): string[] {
  const isActing = tools.filter(isActingTool)
  const others = tools.filter((tool) => !isActingTool(tool))
  return [...new Set([...others, ...isActing].map(({ name }) => name))]
}

/** The files of the current folder, and Loom's own modules. */
export async function projectOf({ program, app }: CommandWorld): Promise<Project> {
  const { builtIn, files } = await app.modules()
  return { directory: program.cwd(), modules: files, builtIn }
}
