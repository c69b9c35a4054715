/**
 * Runs the `loom` command like a shell, in pipes, with only the given environment variables. It has no
 * terminal, because it has its own process session. So no human can be asked.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

import { compileCache } from '../compile-cache.ts'
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
  /** The output so far. */
  readonly stdout: string
  readonly stderr: string
  /** Settles when the process and both streams have ended. */
  ended: Promise<Ended>
}

export interface Ended {
  /** Undefined if a signal ended it. */
  code: number | undefined
  stdout: string
  stderr: string
}

export interface RunOptions {
  /** The content of stdin. Undefined leaves stdin open and empty. @defaultValue '' */
  input?: string | undefined
  environment?: Record<string, string>
  directory?: string
  /** The program to start. @defaultValue `command` */
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
    env: {
      PATH: process.env['PATH'],
      ...compileCache(),
      LOOM_MODEL: 'demo/fast',
      ...environment,
    },
    detached: true,
  })
  running.push(child)
  const written = { stdout: '', stderr: '' }
  child.stdout.setEncoding('utf8').on('data', (text: string) => (written.stdout += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (written.stderr += text))
  // A command that needs no input may end before it has read it.
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

/** Runs the command to its end. */
export const loom = (words: readonly string[], options: RunOptions = {}): Promise<Ended> =>
  start(words, options).ended

/** Creates a folder that `tidy` removes. */
export async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'loom-cli-'))
  directories.push(path)
  return path
}

/** A process that was signalled may still write its last output. */
const remove = (path: string) =>
  rm(path, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 })

/** For `afterEach`: ends the remaining processes by their ids and removes the folders. */
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
