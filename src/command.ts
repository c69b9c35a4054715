/**
 * Runs a shell command with a beginning and an end: it has a time limit, output of any amount, and
 * nothing that it started lives on. It has ended when its own process has, and its output is silent
 * or a second has passed: a process left in the background neither holds it up nor loses its last
 * words.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'

import { ControlGroup } from './command/control-group.ts'
import { filledDisk } from './command/disk-watch.ts'
import { endAll } from './command/ending.ts'
import { Followed, Reader } from './command/followed.ts'
import type { LogFolder } from './command/log-folder.ts'
import { CommandOutput } from './command/output.ts'
import { openPipe, type Pipe } from './command/pipe.ts'
import { supervise, type Supervised } from './command/supervisor.ts'
import { errorMessage } from './error.ts'
import type { Sandbox, SandboxKind } from './sandbox.ts'
import { type ConfinedProgram, inputFd } from './sandbox/confined-program.ts'
import { defaultPath } from './sandbox/trial.ts'
import { untilAborted } from './until-aborted.ts'
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
  limits: CommandLimits
}

/** What a command may use at the most. */
export interface CommandLimits {
  /** Processes at a time, where the command is confined. */
  processes: number
  /** Bytes of memory: of all processes together in a control group, else of each. */
  memoryBytes: number
  /** Bytes of one file, and bytes by which the free space of the disk may shrink. */
  diskBytes: number
}

export interface RunningCommand {
  readonly output: CommandOutput
  /** Settles when nothing of the command is left. Never rejects. */
  readonly ended: Promise<CommandEnd>
}

/** A code is what a shell has in `$?`: 128 and the signal's number, if one ended the command. */
export type CommandEnd =
  | { how: 'exited'; code: number }
  | { how: 'timed-out' }
  | { how: 'aborted' }
  /** It used up what it may use. */
  | { how: 'limited'; by: 'memory' | 'disk' }
  | { how: 'failed'; reason: string }

/** A sandbox that has not begun by then is ended as it is. */
const startMs = 2000

/** @throws whatever keeps the command from being started. */
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
  const reader = new Reader(output)
  try {
    const confined = await sandbox.wrap(supervise(supervised(options, kind, group)), {
      workspace,
      readable: [folder],
      // A command that spoils the notes there would have an edit made twice.
      hidden: [join(workspace, reservedName)],
    })
    options.signal.throwIfAborted()
    const pipe = await openPipe({
      path: join(folder, callId),
      programs: variables['PATH'] ?? defaultPath,
      receive: (bytes) => reader.receive(bytes),
    })
    try {
      // Whatever it says first is heard: nothing is awaited in between.
      const child = started(confined, options, pipe, group)
      const followed = new Followed(child, pipe, reader)
      return { output, ended: follow(followed, { ...options, kind, group }) }
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

function supervised(
  { command, callId, limits }: CommandOptions,
  kind: SandboxKind,
  group: ControlGroup | undefined,
): Supervised {
  const isConfined = kind !== 'none'
  return {
    command,
    callId,
    processesMax: kind === 'bwrap' ? limits.processes : undefined,
    // A group bounds all of it; address space that is only reserved is free there.
    dataBytesMax: isConfined && group === undefined ? limits.memoryBytes : undefined,
    fileBytesMax: isConfined ? limits.diskBytes : undefined,
  }
}

function started(
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
    // A sandbox that does not begin reads nothing; its exit says so.
    input?.on('error', () => undefined)
    if (input instanceof Writable) input.end(bytes)
  }
  return child
}

interface FollowOptions extends CommandOptions {
  kind: SandboxKind
  group: ControlGroup | undefined
}

async function follow(followed: Followed, options: FollowOptions): Promise<CommandEnd> {
  const { callId, logs, kind, group } = options
  const over = new AbortController()
  try {
    let end = await endOf(followed, options, over.signal)
    await Promise.race([followed.started, delay(startMs)])
    await endAll(followed.child, { kind, callId })
    if (end.how === 'exited' && end.code !== 0 && (await group?.isExhausted())) {
      end = { how: 'limited', by: 'memory' }
    }
    if (await followed.close()) await logs.keep(followed.output.logPath)
    return end
  } finally {
    over.abort()
    await Promise.all([group?.remove(), logs.leave()])
  }
}

/** How the command itself ends. What it left in the background may live on. */
async function endOf(
  followed: Followed,
  { signal, timeoutMs, workspace, kind, limits }: FollowOptions,
  over: AbortSignal,
): Promise<CommandEnd> {
  const late = AbortSignal.timeout(timeoutMs)
  const full = () => filledDisk(workspace, limits.diskBytes, over).then(() => 'disk-full' as const)
  try {
    const end = await untilAborted(AbortSignal.any([signal, late]), () =>
      Promise.race([followed.exitCode, ...(kind === 'none' ? [] : [full()])]),
    )
    if (end === 'disk-full') return { how: 'limited', by: 'disk' }
    // Bounded by itself: an exit is an exit, also when the time limit passes meanwhile.
    await untilAborted(signal, () => followed.silence())
    return { how: 'exited', code: end }
  } catch (error) {
    if (signal.aborted) return { how: 'aborted' }
    if (late.aborted) return { how: 'timed-out' }
    return { how: 'failed', reason: errorMessage(error) }
  }
}
