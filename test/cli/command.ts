/**
 * Runs the `loom` command as a shell would, in pipes: with these variables and no others, and without a
 * terminal anywhere (a session of its own has none), so that nobody is there to be asked.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

import { within } from '../deadline.ts'

export const root = join(import.meta.dirname, '../..')

/** The sources, unless LOOM_TEST_COMMAND names an artefact: `dist/loom`, or `node dist/loom.mjs`. */
export const command: readonly string[] = process.env['LOOM_TEST_COMMAND']
  ?.split(' ')
  .map((word) => (word.includes('/') ? resolve(root, word) : word)) ?? [
  process.execPath,
  join(root, 'bin/loom.mjs'),
]

export interface Run {
  child: ChildProcess
  /** What it has written so far. */
  readonly stdout: string
  readonly stderr: string
  /** Settles when it has ended and both streams have. */
  ended: Promise<Ended>
}

export interface Ended {
  /** Undefined where a signal ended it. */
  code: number | undefined
  stdout: string
  stderr: string
}

export interface RunOptions {
  /** All of stdin; undefined leaves it open and empty. @defaultValue '' */
  input?: string | undefined
  environment?: Record<string, string>
  directory?: string
  /** What is started. @defaultValue `command` */
  program?: readonly string[]
}

const running: ChildProcess[] = []
const directories: string[] = []

export function start(
  words: readonly string[],
  { environment = {}, directory, program = command, ...options }: RunOptions = {},
): Run {
  const [file = '', ...first] = program
  const child = spawn(file, [...first, ...words], {
    cwd: directory ?? root,
    env: { PATH: process.env['PATH'], LOOM_MODEL: 'demo/fast', ...environment },
    detached: true,
  })
  running.push(child)
  const written = { stdout: '', stderr: '' }
  child.stdout.setEncoding('utf8').on('data', (text: string) => (written.stdout += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (written.stderr += text))
  // A command that needs no input may end before it has taken it.
  child.stdin.on('error', () => undefined)
  const input = 'input' in options ? options.input : ''
  if (input !== undefined) child.stdin.end(input)
  const closed = Promise.withResolvers<number | null>()
  child.once('close', closed.resolve)
  const ended = within(60_000, `the end of loom ${words.join(' ')}`, closed.promise)
  return {
    child,
    get stdout() {
      return written.stdout
    },
    get stderr() {
      return written.stderr
    },
    ended: ended.then((code) => ({ code: code ?? undefined, ...written })),
  }
}

/** Runs it to its end. */
export const loom = (words: readonly string[], options: RunOptions = {}): Promise<Ended> =>
  start(words, options).ended

/** A folder that is gone after the test. */
export async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'loom-cli-'))
  directories.push(path)
  return path
}

/** What was told to go may still write its last. */
const remove = (path: string) =>
  rm(path, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 })

/** For `afterEach`: ends what is left, by its id. */
export async function tidy(): Promise<void> {
  for (const child of running.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue
    const gone = Promise.withResolvers<void>()
    child.once('exit', () => gone.resolve())
    child.kill('SIGKILL')
    await within(5000, `the end of process ${child.pid}`, gone.promise)
  }
  for (const path of directories.splice(0)) await remove(path)
}
