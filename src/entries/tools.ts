/** The exports of `loomkit/tools`: the tools that Loom has, and what they act on. */
import '../ground/node-version.ts'

export { bash, type BashOptions } from '../../tools/bash.ts'
export { editFile, type EditFileOptions } from '../../tools/edit-file.ts'
export { glob } from '../../tools/glob.ts'
export { grep } from '../../tools/grep.ts'
export { type Ask, human, type HumanOptions, type Question } from '../../tools/human.ts'
export { readFile, type ReadFileOptions } from '../../tools/read-file.ts'
export { writeFile, type WriteFileOptions } from '../../tools/write-file.ts'
export { openSandbox, type Sandbox } from '../machine/sandbox.ts'
export type { SandboxMode, SandboxOptions } from '../machine/sandbox/options.ts'
export { Workspace } from '../machine/workspace.ts'
export { type ActingTool, type ActingWorld, defineActingTool } from '../acting.ts'
