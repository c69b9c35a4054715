/**
 * The coding agent: it finds, reads and changes the files of one folder, and runs commands there. It acts
 * on the machine of the server, so a server offers it only if its settings name it, and by default a
 * human approves each command and each change. Every client that may send messages may also approve.
 */
import { type Agent, defineAgent } from '../../src/agent.ts'
import type { Environment } from '../../src/ground/environment.ts'
import type { Sandbox } from '../../src/machine/sandbox.ts'
import type { Workspace } from '../../src/machine/workspace.ts'
import { bash } from '../../tools/bash.ts'
import { editFile } from '../../tools/edit-file.ts'
import { glob } from '../../tools/glob.ts'
import { grep } from '../../tools/grep.ts'
import { human, type HumanOptions } from '../../tools/human.ts'
import { readFile } from '../../tools/read-file.ts'
import { writeFile } from '../../tools/write-file.ts'
import { workspaceInstructions } from './workspace-instructions.ts'

/**
 * The options of the agent `coder`.
 * @example
 * ```ts
 * import { env } from 'node:process'
 * import { type CoderOptions, openSandbox, Workspace } from 'loomkit'
 *
 * const workspace = await Workspace.open('/srv/project')
 * const sandbox = openSandbox({ environment: env })
 * const options: CoderOptions = { workspace, sandbox, environment: env, needsApproval: false }
 * ```
 */
export interface CoderOptions {
  /** The folder that the agent may read and change. */
  workspace: Workspace
  /** Confines the commands. */
  sandbox: Sandbox
  /** The environment of this process. Commands receive a few harmless variables of it. */
  environment: Environment
  /** Asks the human before each command and each change of a file. @defaultValue true */
  needsApproval?: boolean
  /** The options of the tool `human`. @defaultValue the client answers */
  human?: HumanOptions
}

const instructions = `You are a helpful coding assistant. You work in one folder, the workspace, and see nothing outside of it.
Look before you change: find with grep and glob, and read a file before you edit it. Change what was asked for and no more, in the style of what is there. Prefer edit_file to write_file, and both to changing files with bash.
After a change run the tests, or whatever shows that it works, and say what you saw. Where something failed, say so.
If a command's outcome is unknown, find out what it did before you run it again.
Ask the human only what cannot be found out and is theirs to decide.`

/**
 * Returns an agent that works on the files of a workspace, runs commands there, and follows its `AGENTS.md`.
 * By default a human approves each command and each change. A run has at most 100 steps.
 * @throws LoomError `invalid-config` if the workspace is `/`
 * @example
 * ```ts
 * import { env } from 'node:process'
 * import { coder, openSandbox, Workspace } from 'loomkit'
 *
 * const workspace = await Workspace.open('/srv/project')
 * const agent = coder({ workspace, sandbox: openSandbox({ environment: env }), environment: env })
 * ```
 */
export function coder({
  workspace,
  sandbox,
  environment,
  needsApproval = true,
  human: humanOptions = {},
}: CoderOptions): Agent {
  return defineAgent({
    name: 'coder',
    description: 'Reads and changes the files of the workspace, and runs commands there.',
    systemPrompt: async () => instructions + (await workspaceInstructions(workspace)),
    tools: [
      bash({ workspace: workspace.root, environment, sandbox, needsApproval }),
      readFile(workspace),
      writeFile(workspace, { needsApproval }),
      editFile(workspace, { needsApproval }),
      grep(workspace),
      glob(workspace),
      human(humanOptions),
    ],
    // A coding task may need many steps, and a human approves each change.
    maxSteps: 100,
  })
}
