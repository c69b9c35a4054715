/**
 * A child process on a core of its own. `taskset` is replaced by the program that it starts, so the
 * child's process id is that of the program whose CPU time is read.
 */
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'

import { call } from './call.ts'

export interface ChildOptions {
  /** The name of the process in messages. */
  label: string
  /** Node's own options, the program and its arguments. */
  args: readonly string[]
  env?: Readonly<Record<string, string>>
  /** The core of the process; null leaves the choice to the system. */
  core: number | null
}

export class Child {
  readonly #process: ChildProcess
  readonly #label: string
  #errors = ''

  constructor(options: ChildOptions) {
    const command = [process.execPath, ...options.args]
    if (options.core !== null) command.unshift('taskset', '-c', String(options.core))
    const [program = '', ...rest] = command
    this.#label = options.label
    this.#process = spawn(program, rest, {
      // The child gets nothing else of this environment, so that two machines run the same server.
      env: { PATH: process.env['PATH'], ...options.env },
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    })
    this.#process.stderr?.on('data', (text: Buffer) => {
      this.#errors = (this.#errors + text.toString('utf8')).slice(-4000)
    })
  }

  async call(question: object, deadlineMs: number): Promise<unknown> {
    try {
      return await call(this.#process, question, deadlineMs)
    } catch (cause) {
      throw new Error(`${this.#label}: ${String(cause)}\n${this.#errors}`, { cause })
    }
  }

  /**
   * Resolves when a process listens on the port, and rejects at once if the child has ended. The time limit is
   * only for a child that hangs: on a busy machine the start of a child takes tens of seconds.
   */
  async waitForPort(port: number, deadlineMs = 120_000): Promise<void> {
    const deadline = Date.now() + deadlineMs
    while (!(await accepts(port))) {
      const end = this.#process.exitCode ?? this.#process.signalCode
      if (end === null && Date.now() < deadline) await pause(25)
      else throw new Error(`${this.#label} does not listen (${end ?? 'late'}): ${this.#errors}`)
    }
  }

  get pid(): number | undefined {
    return this.#process.pid
  }

  cpuMicros(): number {
    return cpuMicrosOf(this.#process.pid)
  }

  /** Ends the process and waits for its end: first with SIGTERM, so that it can write a profile. */
  async stop(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return
    const end = once(this.#process, 'exit')
    this.#process.kill('SIGTERM')
    const timer = setTimeout(() => this.#process.kill('SIGKILL'), 5000)
    await end
    clearTimeout(timer)
  }
}

/**
 * Returns the CPU time of all threads since the process began, in microseconds, from the kernel's
 * count.
 */
export function cpuMicrosOf(pid: number | undefined): number {
  const tasks = `/proc/${pid}/task`
  const nanos = readdirSync(tasks).map((task) =>
    Number(readFileSync(`${tasks}/${task}/schedstat`, 'utf8').split(' ')[0]),
  )
  return nanos.reduce((sum, each) => sum + each, 0) / 1000
}

async function accepts(port: number): Promise<boolean> {
  const socket = connect({ port, host: '127.0.0.1' })
  try {
    await once(socket, 'connect')
    return true
  } catch {
    // No process listens yet. The caller asks again until its time limit.
    return false
  } finally {
    socket.destroy()
  }
}
