/** The `loom` command as a process of its own, on the Node that runs the tests. */
import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'

import { within } from './deadline.ts'

export interface LoomProcess {
  child: ChildProcess
  /** What it has written so far. */
  output: () => { stdout: string; stderr: string }
  /** Resolves with the exit code when both streams have ended. */
  exited: Promise<number | null>
}

const command = join(import.meta.dirname, '../bin/loom.mjs')
const started: ChildProcess[] = []

/** Starts `loom` with these variables and no others, but for a free port. */
export function startLoom(
  variables: Record<string, string>,
  words: readonly string[] = ['serve'],
): LoomProcess {
  const child = spawn(process.execPath, [command, ...words], {
    env: { PATH: process.env['PATH'], PORT: '0', ...variables },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  started.push(child)
  const written = { stdout: '', stderr: '' }
  child.stdout.setEncoding('utf8').on('data', (text: string) => (written.stdout += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (written.stderr += text))
  const { promise, resolve, reject } = Promise.withResolvers<number | null>()
  child.once('close', resolve)
  child.once('error', reject)
  return {
    child,
    output: () => ({ ...written }),
    exited: within(20_000, `the end of loom ${words.join(' ')}`, promise),
  }
}

/** Where it listens, as soon as it says so. */
export async function addressOf({ child, output, exited }: LoomProcess): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  const look = () => {
    const [, url] = /^Loom is ready: (\S+)$/m.exec(output().stdout) ?? []
    if (url !== undefined) resolve(url)
  }
  child.stdout?.on('data', look)
  exited.then(() => reject(new Error(`loom ended: ${output().stderr}`)), reject)
  look()
  return within(10_000, 'the greeting of loom', promise)
}

/** For `afterEach`: ends what is left, by its id. */
export async function endProcesses(): Promise<void> {
  for (const child of started.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue
    const { promise, resolve } = Promise.withResolvers<void>()
    child.once('exit', () => resolve())
    child.kill('SIGKILL')
    await within(5000, `the end of process ${child.pid}`, promise)
  }
}
