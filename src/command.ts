/**
 * Runs a shell command with a beginning and an end: it has a time limit, output of any amount, and
 * nothing that it started lives on. It has ended when its own process has, and its output is silent:
 * a process left in the background neither holds it up nor loses its last words.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

import { endAll } from './command/ending.ts'
import { Followed, Reader } from './command/followed.ts'
import type { LogFolder } from './command/log-folder.ts'
import { CommandOutput } from './command/output.ts'
import { openPipe, type Pipe } from './command/pipe.ts'
import { supervise } from './command/supervisor.ts'
import { errorMessage } from './error.ts'
import { untilAborted } from './runner/until-aborted.ts'
import type { Argv, Sandbox, SandboxKind } from './sandbox.ts'
import { defaultPath } from './sandbox/trial.ts'
import { reservedName } from './workspace/walk.ts'

export interface CommandOptions {
  command: string
  /** A real path. */
  workspace: string
  sandbox: Sandbox
  /** All that the command is told of this process's environment. */
  variables: Readonly<Record<string, string>>
  timeoutMs: number
  signal: AbortSignal
  callId: string
  logs: LogFolder
  logBytesMax: number
  processesMax: number
}

export interface RunningCommand {
  readonly output: CommandOutput
  /** Settles when nothing of the command is left. Never rejects. */
  readonly ended: Promise<CommandEnd>
}

/** A code is what a shell has in `$?`: 128 and the signal's number, if one ended the command. */
export type CommandEnd =
  | { how: 'exited'; code: number }
  /** With a code it was a process in the background that went on. */
  | { how: 'timed-out'; code: number | undefined }
  | { how: 'aborted' }
  | { how: 'failed'; reason: string }

/** A sandbox that has not begun by then is ended as it is. */
const startMs = 2000

/** @throws whatever keeps the command from being started. */
export async function startCommand(options: CommandOptions): Promise<RunningCommand> {
  const { sandbox, callId, logs, variables } = options
  const folder = await logs.path()
  const kind = await sandbox.kind()
  const processesMax = kind === 'bwrap' ? options.processesMax : undefined
  const argv = await sandbox.wrap(supervise({ ...options, processesMax }), {
    workspace: options.workspace,
    readable: [folder],
    // A command that spoils the notes there would have an edit made twice.
    hidden: [join(options.workspace, reservedName)],
  })
  options.signal.throwIfAborted()
  const output = new CommandOutput(join(folder, `${callId}.log`), options.logBytesMax)
  const reader = new Reader(output)
  const pipe = await openPipe({
    path: join(folder, callId),
    programs: variables['PATH'] ?? defaultPath,
    receive: (bytes) => reader.receive(bytes),
  })
  try {
    // Whatever it says first is heard: nothing is awaited in between.
    const followed = new Followed(started(argv, options, pipe), pipe, reader)
    return { output, ended: follow(followed, kind, options) }
  } catch (error) {
    pipe.close()
    throw error
  } finally {
    await pipe.closeWriter()
  }
}

const started = (
  [program, ...rest]: Argv,
  { workspace, variables }: CommandOptions,
  { writeFd }: Pipe,
): ChildProcess =>
  spawn(program, rest, {
    cwd: workspace,
    env: variables,
    detached: true,
    stdio: ['ignore', 'ignore', 'pipe', 'pipe', writeFd],
  })

async function follow(
  followed: Followed,
  kind: SandboxKind,
  { signal, timeoutMs, callId, logs }: CommandOptions,
): Promise<CommandEnd> {
  const late = AbortSignal.timeout(timeoutMs)
  const stop = AbortSignal.any([signal, late])
  let code: number | undefined
  let end: CommandEnd
  try {
    code = await untilAborted(stop, () => followed.exitCode)
    await untilAborted(stop, () => followed.silence())
    end = { how: 'exited', code }
  } catch (error) {
    if (signal.aborted) end = { how: 'aborted' }
    else if (late.aborted) end = { how: 'timed-out', code }
    else end = { how: 'failed', reason: errorMessage(error) }
  }
  await Promise.race([followed.started, delay(startMs)])
  await endAll(followed.child, { kind, callId })
  if (await followed.close()) await logs.keep(followed.output.logPath)
  return end
}
