/** A server of a test in a process group of its own, so that its child processes end with it. */
import { type ChildProcessByStdio, spawn } from 'node:child_process'
import type { Readable } from 'node:stream'

import { onTestFinished } from 'vitest'

import { within } from '../deadline.ts'
import { freePort } from '../redis/free-port.ts'
import { until } from '../redis/until.ts'

export interface StartOptions {
  folder: string
  /** @param port the port at which the server must listen */
  words: (port: number) => readonly string[]
  environment: Readonly<Record<string, string>>
}

export interface RunningServer {
  url: string
  /** Ends the server by a signal, and waits for its end. */
  stop: () => Promise<void>
}

const startMs = 60_000

/** Starts a server and waits until it answers. The end of the test stops it. */
export async function startServer(options: StartOptions): Promise<RunningServer> {
  const port = await freePort()
  const [program = '', ...words] = options.words(port)
  const child = spawn(program, words, {
    cwd: options.folder,
    detached: true,
    env: variables({ PORT: String(port), ...options.environment }),
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  onTestFinished(() => endGroup(child))
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => (output += text))
  }
  const url = `http://127.0.0.1:${port}`
  await until(startMs, `the start of ${program} ${words.join(' ')}`, async () => {
    if (hasEnded(child)) throw new Error(`The server has ended: ${output}`)
    const response = await fetch(url).catch(() => undefined)
    await response?.body?.cancel()
    return response !== undefined
  })
  return {
    url,
    async stop() {
      signalGroup(child, 'SIGTERM')
      await until(20_000, 'the end of the server', () => hasEnded(child))
    },
  }
}

/** Runs a program to its end and returns its output. @throws Error if its exit code is not 0 */
export async function runProgram(
  [program = '', ...words]: readonly string[],
  folder: string,
  environment: Readonly<Record<string, string>> = {},
): Promise<string> {
  const child = spawn(program, words, {
    cwd: folder,
    detached: true,
    env: variables(environment),
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  onTestFinished(() => endGroup(child))
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => (output += text))
  }
  const { promise, resolve, reject } = Promise.withResolvers<number | null>()
  child.once('close', resolve)
  child.once('error', reject)
  const code = await within(150_000, `${program} ${words.join(' ')}`, promise)
  if (code !== 0) throw new Error(`${words.join(' ')} ended with ${code}: ${output}`)
  return output
}

/** The variables of the tests may contain keys of providers and a proxy. */
const variables = (own: Readonly<Record<string, string>>) => ({
  PATH: process.env['PATH'],
  HOME: process.env['HOME'],
  NEXT_TELEMETRY_DISABLED: '1',
  WRANGLER_SEND_METRICS: 'false',
  CLOUDFLARE_CF_FETCH_ENABLED: 'false',
  DENO_NO_UPDATE_CHECK: '1',
  CI: '1',
  ...own,
})

type Child = ChildProcessByStdio<null, Readable, Readable>

const hasEnded = (child: Child) => child.exitCode !== null || child.signalCode !== null

function signalGroup({ pid }: Child, signal: NodeJS.Signals): void {
  try {
    if (pid !== undefined) process.kill(-pid, signal)
  } catch {
    // No process was left.
  }
}

async function endGroup(child: Child): Promise<void> {
  signalGroup(child, 'SIGKILL')
  await until(20_000, `the end of process ${child.pid}`, () => hasEnded(child))
}
