/**
 * Runs a shell command in the workspace, confined as far as the machine allows. Background processes
 * end together with the command. Loom never runs the same call twice.
 */
import { randomUUID } from 'node:crypto'
import { realpath, stat } from 'node:fs/promises'
import { totalmem } from 'node:os'
import { resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

import { defineActingTool } from '../src/acting.ts'
import { defineTool } from '../src/define-tool.ts'
import type { Environment } from '../src/ground/environment.ts'
import { LoomError } from '../src/ground/error.ts'
import { late } from '../src/ground/late.ts'
import { zodSchema } from '../src/ground/schema.ts'
import type { CommandEnd, RunningCommand } from '../src/machine/command.ts'
import type { LogFolder } from '../src/machine/command/log-folder.ts'
import type { ShownOutput } from '../src/machine/command/output.ts'
import { shownBytesMax, shownLinesMax } from '../src/machine/command/shown-limits.ts'
import { commandVariables } from '../src/machine/command/variables.ts'
import { openSandbox, type Sandbox } from '../src/machine/sandbox.ts'
import { type SandboxOptions } from '../src/machine/sandbox/options.ts'
import type { NamedTool } from '../src/tool.ts'

/**
 * Options of the tool `bash`.
 * @example
 * ```ts
 * import { env } from 'node:process'
 * import type { BashOptions } from 'loomkit'
 *
 * const options: BashOptions = { workspace: '/srv/project', environment: env }
 * ```
 */
export interface BashOptions {
  /** The folder in which commands run, and which they may change. */
  workspace: string
  /** The environment of this process. Commands receive a few harmless variables of it. */
  environment: Environment
  /**
   * A sandbox that several tools share, or the options of a new one.
   * @defaultValue the strongest sandbox that works on this machine
   */
  sandbox?: Sandbox | Omit<SandboxOptions, 'environment'>
  /** Names of additional environment variables that commands receive. @defaultValue none */
  variables?: readonly string[]
  /** The folder that holds the log files of long outputs. @defaultValue the system's temporary folder */
  logParent?: string
  /** The maximum size of one log file, in bytes. @defaultValue 100 MiB */
  logBytesMax?: number
  /**
   * The maximum number of processes that a confined command may have at a time. If a command runs as
   * root, this limit works only on machines where Loom may create a control group.
   * @defaultValue 1024
   */
  processesMax?: number
  /**
   * The maximum memory of a confined command, in bytes. It bounds all processes of the command together
   * where Loom may create a control group (as root), and otherwise each process.
   * @defaultValue half of the memory that Loom may use
   */
  memoryBytesMax?: number
  /**
   * The maximum number of bytes that a confined command may write. It bounds each file, and the decrease
   * of the free disk space while the command runs. @defaultValue 10 GiB
   */
  diskBytesMax?: number
  /** Asks the human before each command. @defaultValue false */
  needsApproval?: boolean
}

const timeoutDefault = 120
const timeoutMax = 600
/** Linux accepts at most 128 KiB in one argument. */
const commandBytesMax = 120 * 1024

const inputSchema = zodSchema((z) =>
  z.object({
    command: z
      .string()
      .min(1)
      .refine((command) => !command.includes('\0'), 'must not contain a NUL character')
      .refine(
        (command) => Buffer.byteLength(command) <= commandBytesMax,
        `must not be longer than ${commandBytesMax} bytes: write a script to a file and run that`,
      )
      .describe('The command that bash runs; it may have several lines'),
    timeout: z
      .number()
      .positive()
      .max(timeoutMax)
      .nullish()
      .describe(`Time limit of the command in seconds, ${timeoutDefault} by default`),
  }),
)

const description = `Runs a command with bash in the workspace and returns its output, stdout and stderr together.
If the output is long, it returns the end (${shownLinesMax} lines or ${shownBytesMax / 1024} KB), and the name of a file that has all of it, which later commands can read.
There is no terminal and no input. Background processes end with the command, and files in /tmp may be gone then: keep the files that you need in the workspace.`

const commandModules = late(async () => ({
  ...(await import('../src/machine/command.ts')),
  ...(await import('../src/machine/command/log-folder.ts')),
}))

/**
 * Creates the tool `bash`, which runs shell commands in a workspace.
 * @throws LoomError `invalid-config` if the workspace is `/`, since that would confine nothing.
 * @example
 * ```ts
 * import { env } from 'node:process'
 * import { bash } from 'loomkit'
 *
 * const tool = bash({ workspace: '/srv/project', environment: env, needsApproval: true })
 * ```
 */
export function bash(options: BashOptions): NamedTool {
  const { environment } = options
  if (resolve(options.workspace) === '/') {
    throw new LoomError(
      'invalid-config',
      'The workspace of bash must not be the whole machine. Name a folder below "/".',
    )
  }
  const sandbox = sandboxOf(options)
  const { variables = [], memoryBytesMax, diskBytesMax } = sandbox.allowance
  const common = {
    sandbox,
    variables: commandVariables(environment, [...variables, ...(options.variables ?? [])]),
    logBytesMax: options.logBytesMax ?? 100 * 1024 * 1024,
    limits: {
      processes: options.processesMax ?? 1024,
      memoryBytes: options.memoryBytesMax ?? memoryBytesMax ?? halfOfMemory(),
      diskBytes: options.diskBytesMax ?? diskBytesMax ?? 10 * 1024 ** 3,
    },
  }
  // One folder for all commands of this tool. Its module loads with the first command.
  let logs: LogFolder | undefined
  return defineTool({
    name: 'bash',
    title: 'Bash',
    description,
    inputSchema,
    retry: 'never',
    needsApproval: options.needsApproval === true,
    // Longer than the tool's own limit, whose message is clearer to the model.
    timeoutMs: (timeoutMax + 30) * 1000,
    async *execute({ command, timeout }, { signal }) {
      const { startCommand, LogFolder } = await commandModules()
      logs ??= new LogFolder(options.logParent)
      const seconds = timeout ?? timeoutDefault
      const running = await startCommand({
        ...common,
        logs,
        command,
        workspace: await workspaceFolder(options.workspace),
        timeoutMs: seconds * 1000,
        signal,
        callId: randomUUID(),
      })
      yield* progress(running)
      return resultOf(await running.ended, running.output.shown(), seconds)
    },
  })
}

/**
 * The memory limit of a container can be lower than the memory of the machine. Without a limit Node
 * reports 0 or a number larger than any machine's memory.
 */
const halfOfMemory = (): number =>
  Math.floor(Math.min(process.constrainedMemory() || Infinity, totalmem()) / 2)

const sandboxOf = ({ sandbox = {}, environment }: BashOptions): Sandbox =>
  'wrap' in sandbox ? sandbox : openSandbox({ ...sandbox, environment })

/** The workspace can disappear between two commands, so each command looks it up. */
async function workspaceFolder(workspace: string): Promise<string> {
  const path = await realpath(workspace).catch(() => undefined)
  if (path !== undefined && (await stat(path)).isDirectory()) return path
  throw new Error(`The folder of the workspace does not exist: ${workspace}.`)
}

const progressBytesMax = 4096
const progressMs = 100
const slowestProgressMs = 2000

/**
 * Yields the end of the output each time it has changed. The session stores and sends each of these, so
 * the pauses grow with the running time: a command of ten minutes yields a few hundred.
 */
async function* progress({ output, ended }: RunningCommand): AsyncGenerator<string> {
  const startedAt = performance.now()
  let chunkCount = 0
  for (;;) {
    const pauseMs = Math.max(progressMs, (performance.now() - startedAt) / 50)
    const stopPause = new AbortController()
    const pause = delay(Math.min(pauseMs, slowestProgressMs), false, stopPause)
    const hasEnded = await Promise.race([ended.then(() => true), pause])
    stopPause.abort()
    if (hasEnded) return
    if (output.chunks === chunkCount) continue
    chunkCount = output.chunks
    yield output.latest(progressBytesMax)
  }
}

/** @throws Error with the output unless the command succeeded, so that the model sees a failure. */
function resultOf(end: CommandEnd, { text, bytes, cut }: ShownOutput, seconds: number): string {
  const none = bytes === 0 ? '(no output)' : `(${bytes} bytes, none of them text)`
  const shown = [text === '' ? none : text, ...(cut === undefined ? [] : [`[${cut}]`])]
  switch (end.how) {
    case 'exited':
      if (end.code === 0) return shown.join('\n\n')
      throw new Error([...shown, `Command exited with code ${end.code}`].join('\n\n'))
    case 'timed-out':
      throw new Error([...shown, `Command timed out after ${seconds} seconds`].join('\n\n'))
    case 'limited':
      throw new Error([...shown, limitText[end.by]].join('\n\n'))
    case 'aborted':
      throw new Error([...shown, 'Command aborted'].join('\n\n'))
    case 'failed':
      throw new Error(`The command could not be run: ${end.reason}`)
  }
}

const limitText = {
  memory: 'Command ended: it used all the memory that a command may use',
  disk: 'Command ended: it filled the disk by more than a command may',
}

/** The tool of the command. The command asks the human, except for calls that the user allowed. */
export const actingBash = defineActingTool({
  name: 'bash',
  runsCommands: true,
  create: ({ workspace, sandbox, environment }) =>
    bash({ workspace: workspace.root, sandbox, environment, needsApproval: true }),
})
