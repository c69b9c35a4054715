/**
 * promtool, the checker of Prometheus: the one of the machine, else the one of Debian. A machine with neither
 * skips its tests, and says so. With `CI` set, they fail instead.
 */
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { promisify } from 'node:util'

import { unpackedDebian } from '../debian.ts'

const run = promisify(execFile)

/** The path of promtool. Undefined if this machine has none and can fetch none. */
export const promtool: string | undefined = await find()

/** True for the tests that need promtool and must be skipped. */
export const lacksPromtool: boolean = promtool === undefined && process.env['CI'] === undefined

async function find(): Promise<string | undefined> {
  if (await runs('promtool')) return 'promtool'
  const root = await unpackedDebian('prometheus', ['prometheus']).catch(() => undefined)
  const path = root === undefined ? undefined : join(root, 'usr/bin/promtool')
  return path !== undefined && (await runs(path)) ? path : undefined
}

function runs(command: string): Promise<boolean> {
  return run(command, ['--version']).then(
    () => true,
    () => false,
  )
}

/** Runs promtool with an input. Returns its exit code and its output. */
export async function promtoolWith(
  words: readonly string[],
  input = '',
): Promise<{ code: number | null; output: string }> {
  if (promtool === undefined) {
    throw new Error('There is no promtool, and none could be fetched: apt-get install prometheus.')
  }
  const child = spawn(promtool, words, { stdio: ['pipe', 'pipe', 'pipe'] })
  child.stdin.end(input)
  const [stdout, stderr] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    child.exitCode === null ? once(child, 'exit') : undefined,
  ])
  return { code: child.exitCode, output: stdout + stderr }
}
