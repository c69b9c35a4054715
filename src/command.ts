/**
 * Runs a shell command with a beginning and an end: it has a time limit, output of any amount, and
 * nothing that it started lives on. It has ended when its own process has, and its output is silent:
 * a process left in the background neither holds it up nor loses its last words.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'
import { setImmediate as nextTurn, setTimeout as delay } from 'node:timers/promises'

import { endAll } from './command/ending.ts'
import type { LogFolder } from './command/log-folder.ts'
import { CommandOutput } from './command/output.ts'
import { openPipe, type Pipe } from './command/pipe.ts'
import { supervise } from './command/supervisor.ts'
import { errorMessage } from './error.ts'
import { untilAborted } from './runner/until-aborted.ts'
import type { Argv, Sandbox, SandboxKind } from './sandbox.ts'
import { defaultPath } from './sandbox/trial.ts'

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

/** Output that stops for so long has ended, when the command has. */
const silenceMs = 100

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

/** Takes output in as fast as it is kept, and knows since when there was none. */
class Reader {
  readonly output: CommandOutput
  #lastChunkAt = 0
  #isKeeping = false

  constructor(output: CommandOutput) {
    this.output = output
  }

  receive(bytes: Uint8Array): Promise<void> | undefined {
    this.#lastChunkAt = performance.now()
    const kept = this.output.push(bytes)
    if (kept === undefined) return undefined
    this.#isKeeping = true
    return kept.finally(() => {
      this.#isKeeping = false
      this.#lastChunkAt = performance.now()
    })
  }

  /** Settles when nothing has come for a moment. */
  async silence(): Promise<void> {
    this.#lastChunkAt = performance.now()
    for (;;) {
      const rest = this.#lastChunkAt + silenceMs - performance.now()
      if (rest <= 0 && !this.#isKeeping) return
      await delay(Math.max(rest, 5))
      // Timers come first where this process was held up: what is there to be read is read now.
      await nextTurn()
      await nextTurn()
    }
  }
}

/** A child with what it says about itself, and its output. */
class Followed {
  readonly child: ChildProcess
  readonly output: CommandOutput
  readonly exitCode: Promise<number>
  /** The supervisor is there, and with it all that an end needs; or it never will be. */
  readonly started: Promise<void>
  readonly #pipe: Pipe
  readonly #reader: Reader
  #errors = ''

  constructor(child: ChildProcess, pipe: Pipe, reader: Reader) {
    this.child = child
    this.output = reader.output
    this.#pipe = pipe
    this.#reader = reader
    const started = Promise.withResolvers<void>()
    this.started = started.promise
    this.exitCode = this.#listen(started.resolve)
    // It is asked for at once, or never, if the turn was stopped meanwhile.
    this.exitCode.catch(() => undefined)
  }

  /** Settles when all was read that was written by now, and no more comes for a moment. */
  async silence(): Promise<void> {
    await Promise.race([this.#pipe.closed, this.#reader.silence()])
  }

  /** Answers whether a log was kept. */
  async close(): Promise<boolean> {
    // What escaped may hold the other end for ever.
    await Promise.race([this.#pipe.closed, delay(silenceMs)])
    this.#pipe.close()
    this.child.stderr?.destroy()
    this.child.stdio[3]?.destroy()
    await this.#pipe.closed
    return this.output.end()
  }

  /** Reads the supervisor's lines: `started`, then the exit code. */
  #listen(started: () => void): Promise<number> {
    const { child } = this
    const { promise, resolve, reject } = Promise.withResolvers<number>()
    let said = ''
    child.stdio[3]?.on('data', (bytes: Buffer) => {
      said = `${said}${bytes.toString('latin1')}`.slice(0, 100)
      if (said.startsWith('started\n')) started()
      const code = /\n(\d+)\n/.exec(said)?.[1]
      if (code !== undefined) resolve(Number(code))
    })
    child.stdio[3]?.on('error', () => undefined)
    child.stderr?.on('data', (bytes: Buffer) => {
      this.#errors = `${this.#errors}${bytes.toString()}`.slice(0, 2000)
    })
    child.once('error', (error) => {
      started()
      reject(error)
    })
    const gone = (code: number | null) => {
      started()
      // The supervisor itself was killed, from inside.
      if (said.startsWith('started\n')) resolve(code ?? 137)
      else reject(new Error(this.#errors.trim() || 'the sandbox ended before the command began'))
    }
    child.once('close', gone)
    // Its last words may still come, or never, if something else has them too.
    child.once('exit', (code) => void setTimeout(gone, silenceMs, code))
    return promise
  }
}
