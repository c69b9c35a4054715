/**
 * Runs a shell command with a time limit and output of any size, and ends every process that it started.
 * The command ends when its own process has exited and its output has paused, or a second has passed. So
 * a background process cannot delay the end, and the last output is not lost.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'

import { errorMessage } from '../ground/error.ts'
import { untilAborted } from '../ground/until-aborted.ts'
import { ControlGroup } from './command/control-group.ts'
import { diskFull } from './command/disk-watch.ts'
import type { LogFolder } from './command/log-folder.ts'
import { CommandOutput } from './command/output.ts'
import { openPipe, type Pipe } from './command/pipe.ts'
import { CommandProcess, OutputReader } from './command/process.ts'
import { supervise, type SupervisorOptions } from './command/supervisor.ts'
import { endProcesses } from './command/termination.ts'
import type { Sandbox } from './sandbox.ts'
import { type ConfinedProgram, inputFd } from './sandbox/confined-program.ts'
import type { SandboxKind } from './sandbox/options.ts'
import { defaultPath } from './sandbox/toolchains.ts'
import { reservedName } from './workspace/walk.ts'

export interface CommandOptions {
  command: string
  /** The real path of the folder in which the command runs. */
  workspace: string
  sandbox: Sandbox
  /** The whole environment of the command. */
  variables: Readonly<Record<string, string>>
  timeoutMs: number
  signal: AbortSignal
  callId: string
  logs: LogFolder
  logBytesMax: number
  limits: CommandLimits
}

/** The limits of a confined command. */
export interface CommandLimits {
  /** The maximum number of processes at a time. */
  processes: number
  /** The maximum memory in bytes: of all processes together in a control group, otherwise of each. */
  memoryBytes: number
  /** The maximum size of one file, and the maximum decrease of the free disk space, in bytes. */
  diskBytes: number
}

export interface RunningCommand {
  readonly output: CommandOutput
  /** Resolves when no process of the command is left. Never rejects. */
  readonly ended: Promise<CommandEnd>
}

/** The end of a command. `code` is the shell's `$?`: 128 plus the signal's number if a signal ended it. */
export type CommandEnd =
  | { how: 'exited'; code: number }
  | { how: 'timed-out' }
  | { how: 'aborted' }
  /** The command reached a limit. */
  | { how: 'limited'; by: 'memory' | 'disk' }
  | { how: 'failed'; reason: string }

/** How long the end of a command waits for its sandbox to start. */
const startMs = 2000

/**
 * Starts a command.
 * @throws Error if the command cannot start, for example if no sandbox of the required kind works.
 */
export async function startCommand(options: CommandOptions): Promise<RunningCommand> {
  const { sandbox, callId, logs, variables, workspace } = options
  const kind = await sandbox.kind()
  const isForOthers = (await sandbox.owner(workspace)) !== undefined
  const folder = await logs.enter(isForOthers)
  const group = kind === 'none' ? undefined : await groupFor(options)
  const output = new CommandOutput(join(folder, `${callId}.log`), {
    bytesMax: options.logBytesMax,
    isForOthers,
  })
  const reader = new OutputReader(output)
  try {
    const program = await sandbox.wrap(supervise(supervisorOptions(options, kind, group)), {
      workspace,
      readable: [folder],
      // A command that changes the journal there could make Loom repeat an edit.
      hidden: [join(workspace, reservedName)],
    })
    options.signal.throwIfAborted()
    const pipe = await openPipe({
      path: join(folder, callId),
      programs: variables['PATH'] ?? defaultPath,
      receive: (bytes) => reader.receive(bytes),
    })
    try {
      // No await between these lines: otherwise the first events of the child could be lost.
      const child = spawnChild(program, options, pipe, group)
      const running = new CommandProcess(child, pipe, reader)
      return { output, ended: finish(running, { ...options, kind, group }) }
    } catch (error) {
      pipe.close()
      throw error
    } finally {
      await pipe.closeWriter()
    }
  } catch (error) {
    await Promise.all([group?.remove(), logs.leave()])
    throw error
  }
}

const groupFor = ({ callId, limits }: CommandOptions) =>
  ControlGroup.make(`loom-${callId}`, {
    memoryBytesMax: limits.memoryBytes,
    processesMax: limits.processes,
  })

function supervisorOptions(
  { command, callId, limits }: CommandOptions,
  kind: SandboxKind,
  group: ControlGroup | undefined,
): SupervisorOptions {
  const isConfined = kind !== 'none'
  return {
    command,
    callId,
    processesMax: kind === 'bwrap' ? limits.processes : undefined,
    // A group bounds all memory of the command, and does not count address space that is only reserved.
    dataBytesMax: isConfined && group === undefined ? limits.memoryBytes : undefined,
    fileBytesMax: isConfined ? limits.diskBytes : undefined,
  }
}

function spawnChild(
  { argv, inputs }: ConfinedProgram,
  { workspace, variables }: CommandOptions,
  { writeFd }: Pipe,
  group: ControlGroup | undefined,
): ChildProcess {
  const [program, ...rest] = group === undefined ? argv : group.wrap(argv)
  const child = spawn(program, rest, {
    cwd: workspace,
    env: variables,
    detached: true,
    stdio: ['ignore', 'ignore', 'pipe', 'pipe', writeFd, ...inputs.map(() => 'pipe' as const)],
  })
  for (const [index, bytes] of inputs.entries()) {
    const input = child.stdio[inputFd + index]
    // A sandbox that fails to start does not read its inputs. Its exit reports the failure.
    input?.on('error', () => undefined)
    if (input instanceof Writable) input.end(bytes)
  }
  return child
}

interface FinishOptions extends CommandOptions {
  kind: SandboxKind
  group: ControlGroup | undefined
}

async function finish(command: CommandProcess, options: FinishOptions): Promise<CommandEnd> {
  const { callId, logs, kind, group } = options
  const stopWatch = new AbortController()
  try {
    let end = await endOf(command, options, stopWatch.signal)
    await Promise.race([command.started, delay(startMs)])
    await endProcesses(command.child, { kind, callId })
    if (end.how === 'exited' && end.code !== 0 && (await group?.isExhausted())) {
      end = { how: 'limited', by: 'memory' }
    }
    if (await command.close()) await logs.keep(command.output.logPath)
    return end
  } finally {
    stopWatch.abort()
    await Promise.all([group?.remove(), logs.leave()])
  }
}

/** Resolves when the command itself ends. Its background processes may still run. */
async function endOf(
  command: CommandProcess,
  { signal, timeoutMs, workspace, kind, limits }: FinishOptions,
  stopWatch: AbortSignal,
): Promise<CommandEnd> {
  const late = AbortSignal.timeout(timeoutMs)
  const full = () =>
    diskFull(workspace, limits.diskBytes, stopWatch).then(() => 'disk-full' as const)
  try {
    const end = await untilAborted(AbortSignal.any([signal, late]), () =>
      Promise.race([command.exitCode, ...(kind === 'none' ? [] : [full()])]),
    )
    if (end === 'disk-full') return { how: 'limited', by: 'disk' }
    // The wait has a limit of its own. The command has exited, even if its time limit passes meanwhile.
    await untilAborted(signal, () => command.silence())
    return { how: 'exited', code: end }
  } catch (error) {
    if (signal.aborted) return { how: 'aborted' }
    if (late.aborted) return { how: 'timed-out' }
    return { how: 'failed', reason: errorMessage(error) }
  }
}
