/**
 * A running command: the reports of its supervisor, and its output. The two are independent: the exit code
 * may arrive before the last output.
 */
import type { ChildProcess } from 'node:child_process'
import { setImmediate as nextTurn, setTimeout as delay } from 'node:timers/promises'

import type { CommandOutput } from './output.ts'
import type { Pipe } from './pipe.ts'

/** After the command's exit, a pause of this length ends its output. */
const silenceMs = 100

/**
 * The longest time to read output after the command's exit. Without it a background process that prints for
 * ever would delay the end until the time limit.
 */
const lastOutputMs = 1000

/** The capacity of a pipe of Linux: at its exit, unread output of the command has at most so many bytes. */
const pipeBytes = 64 * 1024

/** Receives output as fast as it can be stored, and detects a pause. */
export class OutputReader {
  readonly output: CommandOutput
  #lastChunkAt = 0
  #isStoring = false
  #bytes = 0

  constructor(output: CommandOutput) {
    this.output = output
  }

  receive(bytes: Uint8Array): Promise<void> | undefined {
    this.#lastChunkAt = performance.now()
    this.#bytes += bytes.length
    const stored = this.output.push(bytes)
    if (stored === undefined) return undefined
    this.#isStoring = true
    return stored.finally(() => {
      this.#isStoring = false
      this.#lastChunkAt = performance.now()
    })
  }

  /** Resolves after a pause of the output, and normally after `lastOutputMs` at the latest. */
  async silence(): Promise<void> {
    const begin = performance.now()
    const bytesBefore = this.#bytes
    this.#lastChunkAt = begin
    for (;;) {
      const now = performance.now()
      const rest = this.#lastChunkAt + silenceMs - now
      if (rest <= 0 && !this.#isStoring) return
      // With a slow disk the pipe may still hold the command's last output, so the wait continues.
      const isRead = !this.#isStoring || this.#bytes - bytesBefore > pipeBytes
      if (now - begin > lastOutputMs && isRead) return
      await delay(Math.max(rest, 5))
      // After a blocked event loop, timers run before reads. Two turns let the pending reads run.
      await nextTurn()
      await nextTurn()
    }
  }
}

/** The process of a command, with its supervisor's reports and its output. */
export class CommandProcess {
  readonly child: ChildProcess
  readonly output: CommandOutput
  readonly exitCode: Promise<number>
  /** Resolves when the supervisor runs, so that the command can be ended, or when it cannot start. */
  readonly started: Promise<void>
  readonly #pipe: Pipe
  readonly #reader: OutputReader
  #errors = ''

  constructor(child: ChildProcess, pipe: Pipe, reader: OutputReader) {
    this.child = child
    this.output = reader.output
    this.#pipe = pipe
    this.#reader = reader
    const started = Promise.withResolvers<void>()
    this.started = started.promise
    this.exitCode = this.#listen(started.resolve)
    // If the turn stops first, no code awaits this promise. The handler prevents an unhandled rejection.
    this.exitCode.catch(() => undefined)
  }

  /** Resolves when all present output has been read and the output has paused. */
  async silence(): Promise<void> {
    await Promise.race([this.#pipe.closed, this.#reader.silence()])
  }

  /** Ends the reading. Returns whether there is a log file. */
  async close(): Promise<boolean> {
    // A process that escaped may keep the other end open for ever.
    await Promise.race([this.#pipe.closed, delay(silenceMs)])
    this.#pipe.close()
    this.child.stderr?.destroy()
    this.child.stdio[3]?.destroy()
    await this.#pipe.closed
    return this.output.end()
  }

  /** Reads the supervisor's lines: `started`, and then the exit code. */
  #listen(started: () => void): Promise<number> {
    const { child } = this
    const { promise, resolve, reject } = Promise.withResolvers<number>()
    let report = ''
    child.stdio[3]?.on('data', (bytes: Buffer) => {
      report = `${report}${bytes.toString('latin1')}`.slice(0, 100)
      if (report.startsWith('started\n')) started()
      const code = /\n(\d+)\n/.exec(report)?.[1]
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
    const onEnd = (code: number | null) => {
      started()
      // The command killed its own supervisor.
      if (report.startsWith('started\n')) resolve(code ?? 137)
      else reject(new Error(this.#errors.trim() || 'the sandbox ended before the command began'))
    }
    child.once('close', onEnd)
    // After `exit`, the report may still arrive. `close` may never come if a process keeps the pipe open.
    child.once('exit', (code) => void setTimeout(onEnd, silenceMs, code))
    return promise
  }
}
