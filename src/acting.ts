/**
 * Agents and tools that act on the machine of the server. They are functions of the objects that they
 * may use, because only the operator decides whether they exist: a server creates such an agent only
 * if `LOOM_AGENTS` names it.
 */
import type { Agent } from './agent.ts'
import type { Environment } from './ground/environment.ts'
import { LoomError } from './ground/error.ts'
import { isName } from './ground/name.ts'
import type { Sandbox } from './machine/sandbox.ts'
import type { Workspace } from './machine/workspace.ts'
import type { NamedTool } from './tool.ts'

/**
 * The objects that an agent or tool that acts on the machine receives.
 * @example
 * ```ts
 * import { type ActingWorld, bash, type NamedTool } from 'loomkit'
 *
 * const shell = ({ workspace, sandbox, environment }: ActingWorld): NamedTool =>
 *   bash({ workspace: workspace.root, sandbox, environment })
 * ```
 */
export interface ActingWorld {
  /** The folder that tools may read and change (`LOOM_WORKSPACE`). */
  workspace: Workspace
  /** Confines commands (`LOOM_SANDBOX`). */
  sandbox: Sandbox
  /** The environment of this process. */
  environment: Environment
}

/**
 * An agent that acts on the machine, before it exists. `defineActingAgent` returns one.
 * @example
 * ```ts
 * import { type ActingAgent, coder } from 'loomkit'
 *
 * const agent: ActingAgent = { acting: 'agent', name: 'coder', create: coder }
 * ```
 */
export interface ActingAgent {
  /** Marks the object, so that a command finds it among the exports of a file. */
  readonly acting: 'agent'
  /** The name of the agent that `create` returns. `LOOM_AGENTS` lists it to offer the agent. */
  readonly name: string
  /**
   * Creates the agent. A server calls it once, at its start, and only if `LOOM_AGENTS` names the
   * agent.
   */
  readonly create: (world: ActingWorld) => Agent | Promise<Agent>
}

/**
 * A tool that acts on the machine, before it exists. `defineActingTool` returns one.
 * @example
 * ```ts
 * import { type ActingTool, readFile } from 'loomkit'
 *
 * const reader: ActingTool = {
 *   acting: 'tool',
 *   name: 'read_file',
 *   runsCommands: false,
 *   create: ({ workspace }) => readFile(workspace),
 * }
 * ```
 */
export interface ActingTool {
  /** Marks the object, so that a command finds it among the exports of a file. */
  readonly acting: 'tool'
  /** The name of the tool that `create` returns. `--tools` lists it to use the tool. */
  readonly name: string
  /** Whether the tool uses the sandbox. The command then reports a weak sandbox before it begins. */
  readonly runsCommands: boolean
  /** Creates the tool in the workspace of the command. */
  readonly create: (world: ActingWorld) => NamedTool | Promise<NamedTool>
}

/**
 * Defines an agent that acts on the machine, for a file in the folder of agents. `loom serve` offers
 * it only if `LOOM_AGENTS` contains its name. Only then does it open the workspace and the sandbox and
 * call `create`.
 * @param name the name of the agent that `create` returns
 * @param create creates the agent. It is called once at the start of a server
 * @throws LoomError `invalid-config` for a name that an agent cannot have
 * @example
 * ```ts
 * import { defineActingAgent, defineAgent, grep } from 'loomkit'
 *
 * // In the file agents/finder.ts
 * export const finder = defineActingAgent('finder', ({ workspace }) =>
 *   defineAgent({ name: 'finder', systemPrompt: 'Find files.', tools: [grep(workspace)] }),
 * )
 * ```
 */
export function defineActingAgent(
  name: string,
  create: (world: ActingWorld) => Agent | Promise<Agent>,
): ActingAgent {
  checkName('Agent', name)
  return { acting: 'agent', name, create }
}

/**
 * Defines a tool that acts on the machine, for a file in the folder of tools. `loom --tools <name>`
 * then creates it in the workspace of the command.
 * @param definition its name, whether it runs commands (`runsCommands`, false by default), and
 * `create`
 * @throws LoomError `invalid-config` for a name that a tool cannot have
 * @example
 * ```ts
 * import { defineActingTool, glob } from 'loomkit'
 *
 * export const findFiles = defineActingTool({
 *   name: 'glob',
 *   create: ({ workspace }) => glob(workspace),
 * })
 * ```
 */
export function defineActingTool({
  name,
  runsCommands = false,
  create,
}: {
  /** The name of the tool that `create` returns: 1 to 64 letters, digits, `_` or `-`. */
  name: string
  /**
   * Whether the tool uses the sandbox. The command then reports a weak sandbox before it begins.
   * @defaultValue false
   */
  runsCommands?: boolean
  /** Creates the tool in the workspace of the command. */
  create: (world: ActingWorld) => NamedTool | Promise<NamedTool>
}): ActingTool {
  checkName('Tool', name)
  return { acting: 'tool', name, runsCommands, create }
}

/** @throws LoomError `invalid-config` */
function checkName(kind: 'Agent' | 'Tool', name: string): void {
  if (isName(name)) return
  throw new LoomError(
    'invalid-config',
    `${kind} name "${name}" must be 1 to 64 letters, digits, "_" or "-".`,
  )
}
