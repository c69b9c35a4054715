/**
 * Works on the files of one folder: finds, reads, changes, and runs commands. It acts on the machine
 * that it runs on, so a server offers it only where it is told to, and by default a human approves
 * each command and each change. Whoever may talk to it may also approve.
 */
import { type Agent, defineAgent } from '../src/agent.ts'
import type { Environment } from '../src/environment.ts'
import type { Sandbox } from '../src/sandbox.ts'
import type { Workspace } from '../src/workspace.ts'
import { bash } from '../tools/bash.ts'
import { editFile } from '../tools/edit-file.ts'
import { glob } from '../tools/glob.ts'
import { grep } from '../tools/grep.ts'
import { human, type HumanOptions } from '../tools/human.ts'
import { readFile } from '../tools/read-file.ts'
import { writeFile } from '../tools/write-file.ts'
import { workspaceInstructions } from './workspace-instructions.ts'

export interface CoderOptions {
  /** What it may read and change. */
  workspace: Workspace
  /** What its commands are confined by. */
  sandbox: Sandbox
  /** Of this process. Commands are told a few harmless variables of it. */
  environment: Environment
  /** Whether a human is asked before each command and each change of a file. @defaultValue true */
  needsApproval?: boolean
  /** How its questions reach the human. @defaultValue the client answers */
  human?: HumanOptions
}

const instructions = `You are a helpful coding assistant. You work in one folder, the workspace, and see nothing outside of it.
Look before you change: find with grep and glob, and read a file before you edit it. Change what was asked for and no more, in the style of what is there. Prefer edit_file to write_file, and both to changing files with bash.
After a change run the tests, or whatever shows that it works, and say what you saw. Where something failed, say so.
If a command's outcome is unknown, find out what it did before you run it again.
Ask the human only what cannot be found out and is theirs to decide.`

/** An agent that works on the files of a workspace, by the `AGENTS.md` that stands there. */
export function coder({
  workspace,
  sandbox,
  environment,
  needsApproval = true,
  human: asking = {},
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
      human(asking),
    ],
    // A task takes as many looks as it takes; a human sees each change.
    maxSteps: 100,
  })
}
