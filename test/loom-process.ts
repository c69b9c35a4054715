/** The `loom` command as a separate process, on the Node that runs the tests. */
import { type ChildProcess, type ChildProcessByStdio, spawn } from 'node:child_process'
import { join } from 'node:path'
import type { Readable } from 'node:stream'

import { compileCache } from './compile-cache.ts'
import { within } from './deadline.ts'

export interface LoomProcess {
  child: ChildProcess
  /** The output so far. */
  output: () => { stdout: string; stderr: string }
  /** Resolves with the exit code when both streams have ended. */
  exited: Promise<number | null>
}

const root = join(import.meta.dirname, '..')
const command = join(root, 'bin/loom.mjs')
const children: ChildProcess[] = []
const groups: ChildProcess[] = []

/** Starts `loom`, or another program, with only these variables and a free port. */
export function startLoom(
  variables: Record<string, string>,
  words: readonly string[] = ['serve'],
  program: string = command,
): LoomProcess {
  return started(
    spawn(process.execPath, [program, ...words], {
      env: { PATH: process.env['PATH'], ...compileCache(), PORT: '0', ...variables },
      stdio: ['ignore', 'pipe', 'pipe'],
    }),
  )
}

/**
 * Starts Loom with the command of the README. npm and all its child processes are in a group of
 * their own.
 */
export function startNpm(): LoomProcess {
  const child = spawn('npm', ['start'], {
    cwd: root,
    detached: true,
    env: { PATH: process.env['PATH'], HOME: process.env['HOME'], ...compileCache(), PORT: '0' },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  groups.push(child)
  return started(child)
}

function started(child: ChildProcessByStdio<null, Readable, Readable>): LoomProcess {
  children.push(child)
  const written = { stdout: '', stderr: '' }
  child.stdout.setEncoding('utf8').on('data', (text: string) => (written.stdout += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (written.stderr += text))
  const { promise, resolve, reject } = Promise.withResolvers<number | null>()
  child.once('close', resolve)
  child.once('error', reject)
  return {
    child,
    output: () => ({ ...written }),
    exited: within(60_000, `the end of ${child.spawnargs.join(' ')}`, promise),
  }
}

/** Resolves with the server's address when the server has reported it. */
export async function addressOf({ child, output, exited }: LoomProcess): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  const look = () => {
    const [, url] = /^Loom is ready: (\S+)$/m.exec(output().stdout) ?? []
    if (url !== undefined) resolve(url)
  }
  child.stdout?.on('data', look)
  exited.then(() => reject(new Error(`loom ended: ${output().stderr}`)), reject)
  look()
  return within(60_000, 'the greeting of loom', promise)
}

/** For `afterEach`: ends the remaining processes by their ids. */
export async function endProcesses(): Promise<void> {
  for (const { pid } of groups.splice(0)) if (pid !== undefined) endGroup(pid)
  for (const child of children.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue
    const { promise, resolve } = Promise.withResolvers<void>()
    child.once('exit', () => resolve())
    child.kill('SIGKILL')
    await within(5000, `the end of process ${child.pid}`, promise)
  }
}

/** The processes that npm left are still in its group. */
function endGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL')
  } catch {
    // No process was left.
  }
}
