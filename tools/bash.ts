/**
 * Runs a shell command in the workspace, confined as far as the machine allows. What a command leaves
 * in the background ends with it, and what it does is never done twice.
 */
import { randomUUID } from 'node:crypto'
import { realpath, stat } from 'node:fs/promises'
import { totalmem } from 'node:os'
import { resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

import { z } from 'zod'

import { type CommandEnd, type RunningCommand, startCommand } from '../src/command.ts'
import { LogFolder } from '../src/command/log-folder.ts'
import { shownBytesMax, shownLinesMax, type ShownOutput } from '../src/command/output.ts'
import { commandVariables } from '../src/command/variables.ts'
import { defineTool } from '../src/define-tool.ts'
import type { Environment } from '../src/environment.ts'
import { LoomError } from '../src/error.ts'
import { openSandbox, type Sandbox } from '../src/sandbox.ts'
import { type SandboxOptions } from '../src/sandbox/options.ts'
import type { NamedTool } from '../src/tool.ts'

export interface BashOptions {
  /** The folder that commands run in, and may change. */
  workspace: string
  /** Of this process. Commands are told a few harmless variables of it. */
  environment: Environment
  /** A sandbox that several tools share, or how to make one. @defaultValue the best that works */
  sandbox?: Sandbox | Omit<SandboxOptions, 'environment'>
  /** Names of more variables that commands are told. @defaultValue none */
  variables?: readonly string[]
  /** Where full outputs are kept. @defaultValue the system's folder of temporary files */
  logParent?: string
  /** The most bytes of one output that are kept. @defaultValue 100 MiB */
  logBytesMax?: number
  /**
   * How many processes a confined command may have at a time. Root is held to it by a control group
   * only, where the machine lets Loom make one. @defaultValue 1024
   */
  processesMax?: number
  /**
   * Bytes of memory that a confined command may use: all its processes together where Loom may make a
   * control group (as root), else each of them. @defaultValue half of the memory that Loom may use
   */
  memoryBytesMax?: number
  /**
   * Bytes that a confined command may write: to one file, and by as much as the free space of the
   * disk shrinks while it runs. @defaultValue 10 GiB
   */
  diskBytesMax?: number
  /** Asks the human before each command. @defaultValue false */
  needsApproval?: boolean
}

const timeoutDefault = 120
const timeoutMax = 600
/** The kernel takes 128 KiB in one argument. */
const commandBytesMax = 120 * 1024

const inputSchema = z.object({
  command: z
    .string()
    .min(1)
    .refine((command) => !command.includes('\0'), 'must not contain a NUL character')
    .refine(
      (command) => Buffer.byteLength(command) <= commandBytesMax,
      `must not be longer than ${commandBytesMax} bytes: write a script to a file and run that`,
    )
    .describe('What bash runs; it may have several lines'),
  timeout: z
    .number()
    .positive()
    .max(timeoutMax)
    .nullish()
    .describe(`Seconds until the command is ended, ${timeoutDefault} by default`),
})

const description = `Runs a command with bash in the workspace and gives its output, stdout and stderr together.
Of a long output the end is given (${shownLinesMax} lines or ${shownBytesMax / 1024} KB), and the name of a file that has all of it, which later commands can read.
There is no terminal and no input. What is still running in the background ends with the command, and files in /tmp may be gone then: keep what is needed in the workspace.`

/** @throws LoomError `invalid-config` for a workspace that confines nothing. */
export function bash(options: BashOptions): NamedTool {
  const { environment } = options
  if (resolve(options.workspace) === '/') {
    throw new LoomError('invalid-config', 'The workspace of bash must not be the whole machine.')
  }
  const sandbox = sandboxOf(options)
  const { variables = [], memoryBytesMax, diskBytesMax } = sandbox.allowance
  const common = {
    sandbox,
    variables: commandVariables(environment, [...variables, ...(options.variables ?? [])]),
    logs: new LogFolder(options.logParent),
    logBytesMax: options.logBytesMax ?? 100 * 1024 * 1024,
    limits: {
      processes: options.processesMax ?? 1024,
      memoryBytes: options.memoryBytesMax ?? memoryBytesMax ?? halfOfMemory(),
      diskBytes: options.diskBytesMax ?? diskBytesMax ?? 10 * 1024 ** 3,
    },
  }
  return defineTool({
    name: 'bash',
    title: 'Bash',
    description,
    inputSchema,
    retry: 'never',
    needsApproval: options.needsApproval === true,
    // Its own limit is told better.
    timeoutMs: (timeoutMax + 30) * 1000,
    async *execute({ command, timeout }, { signal }) {
      const seconds = timeout ?? timeoutDefault
      const running = await startCommand({
        ...common,
        command,
        workspace: await folderAt(options.workspace),
        timeoutMs: seconds * 1000,
        signal,
        callId: randomUUID(),
      })
      yield* progress(running)
      return resultOf(await running.ended, running.output.shown(), seconds)
    },
  })
}

/** A container may have less than the machine; where nothing bounds it, Node says a number beyond any machine's. */
const halfOfMemory = (): number =>
  Math.floor(Math.min(process.constrainedMemory() || Infinity, totalmem()) / 2)

const sandboxOf = ({ sandbox = {}, environment }: BashOptions): Sandbox =>
  'wrap' in sandbox ? sandbox : openSandbox({ ...sandbox, environment })

/** It may be gone since the last command. */
async function folderAt(workspace: string): Promise<string> {
  const path = await realpath(workspace).catch(() => undefined)
  if (path !== undefined && (await stat(path)).isDirectory()) return path
  throw new Error(`There is no folder ${workspace}, which is the workspace.`)
}

const progressBytesMax = 4096
const progressMs = 100
const slowestProgressMs = 2000

/**
 * The end of the output whenever it has changed. Every glance is stored and sent, so there are fewer of
 * them the longer it takes: some hundreds in ten minutes.
 */
async function* progress({ output, ended }: RunningCommand): AsyncGenerator<string> {
  const started = performance.now()
  let told = 0
  for (;;) {
    const pauseMs = Math.max(progressMs, (performance.now() - started) / 50)
    const over = new AbortController()
    const pause = delay(Math.min(pauseMs, slowestProgressMs), false, over)
    const isOver = await Promise.race([ended.then(() => true), pause])
    over.abort()
    if (isOver) return
    if (output.chunks === told) continue
    told = output.chunks
    yield output.glance(progressBytesMax)
  }
}

/** @throws Error with the output for whatever is not a success, so that the model is told so. */
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
