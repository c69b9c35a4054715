/**
 * Runs the `loom` command in a pseudo-terminal. `script` of util-linux
 * creates the terminal, and `stty` sets its size. Debian and similar
 * systems always have both. Without them, the tests are skipped, and fail if `CI` is set.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { stripVTControlCharacters } from 'node:util'

import { compileCache } from '../compile-cache.ts'
import { within } from '../deadline.ts'
import { until } from '../redis/until.ts'
import { command, root } from './command.ts'

const probe = spawnSync('script', ['--version'], { encoding: 'utf8' })
const hasScript = probe.status === 0 && probe.stdout.includes('util-linux')

/** For `describe.skipIf`. A skip is printed. With `CI`, nothing is skipped. */
export const lacksTerminal = !hasScript && process.env['CI'] === undefined

export interface PseudoTerminal {
  child: ChildProcess
  /** The shell command that runs the command in the terminal. */
  readonly command: string
  /** All bytes that were sent to the screen. */
  readonly raw: string
  /** The readable text, without control sequences. */
  readonly text: string
  /** Types, and waits until the screen shows the expected text. */
  type: (keys: string, expected: string | RegExp) => Promise<void>
  shows: (expected: string | RegExp) => Promise<void>
  /** Waits for the end of the command with this exit code. */
  endsWith: (code: number) => Promise<void>
}

export interface TerminalOptions {
  environment?: Record<string, string>
  directory?: string
  /** A shell command around `$LOOM`, the command with its arguments. @defaultValue '$LOOM' */
  shell?: string
  /** What is started. @defaultValue `command` */
  program?: readonly string[]
  /** @defaultValue 80 */
  columns?: number
  /**
   * The delay of the position report of the terminal, in milliseconds. Undefined
   * sends no report. @defaultValue 0
   */
  reportMs?: number | undefined
}

const running: ChildProcess[] = []

export const keys = { enter: '\r', interrupt: '\u0003', end: '\u0004', up: '\u001b[A' } as const

export const pasted = (text: string): string => `\u001b[200~${text}\u001b[201~`

export function openPseudoTerminal(
  words: readonly string[],
  options: TerminalOptions = {},
): PseudoTerminal {
  const { environment = {}, directory = root, shell = '$LOOM', program = command } = options
  const { columns = 80 } = options
  const reportMs = 'reportMs' in options ? options.reportMs : 0
  const typed = [...program, ...words].map(quoted).join(' ')
  const line = `stty cols ${columns} rows 24; ${shell.replace('$LOOM', () => typed)}`
  const child = spawn('script', ['-qefc', line, '/dev/null'], {
    cwd: directory,
    env: {
      PATH: process.env['PATH'],
      ...compileCache(),
      TERM: 'xterm-256color',
      SHELL: '/bin/sh',
      LOOM_MODEL: 'demo/fast',
      ...environment,
    },
    detached: true,
  })
  running.push(child)
  let raw = ''
  let mark = 0
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    raw += text
    if (reportMs === undefined || !text.includes('\u001b[6n')) return
    if (reportMs === 0) child.stdin.write('\u001b[1;1R')
    else setTimeout(() => child.stdin.write('\u001b[1;1R'), reportMs).unref()
  })
  child.stdin.on('error', () => undefined)
  const closed = Promise.withResolvers<number | null>()
  child.once('close', closed.resolve)
  const shows = async (expected: string | RegExp) => {
    let readLength = -1
    const isThere = () => {
      // Only new bytes change the answer.
      if (raw.length === readLength) return false
      readLength = raw.length
      const text = readable(raw.slice(mark))
      return typeof expected === 'string' ? text.includes(expected) : expected.test(text)
    }
    await until(15_000, `the terminal shows ${String(expected)}`, isThere).catch((error: Error) => {
      throw new Error(`${error.message}; it shows: ${readable(raw.slice(mark))}`, { cause: error })
    })
  }
  return {
    child,
    command: typed,
    get raw() {
      return raw
    },
    get text() {
      return readable(raw)
    },
    shows,
    async type(keys, expected) {
      mark = raw.length
      child.stdin.write(keys)
      await shows(expected)
    },
    async endsWith(code) {
      const given = await within(25_000, 'the end of the terminal', closed.promise)
      if (given !== code)
        throw new Error(`exit code ${given}, not ${code}; it shows: ${readable(raw)}`)
    },
  }
}

/** The text without control sequences, and without text that was overwritten after a carriage return. */
export const readable = (raw: string): string =>
  raw
    .split('\n')
    .map((line) => stripVTControlCharacters(line.split('\r\u001b[K').at(-1) ?? ''))
    .join('\n')
    .replaceAll('\r', '')

const quoted = (word: string) => `'${word.replaceAll("'", `'\\''`)}'`

/** For `afterEach`: ends the remaining processes. Each is the leader of its own process group. */
export async function closeTerminals(): Promise<void> {
  for (const child of running.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue
    const gone = Promise.withResolvers<void>()
    child.once('exit', () => gone.resolve())
    // Its terminal closes, and the programs in it receive SIGHUP.
    child.kill('SIGKILL')
    await within(5000, `the end of process ${child.pid}`, gone.promise)
  }
}
