/**
 * One redis-server process on a free port, in its own folder. It ends with the process that started it. A
 * test can kill it, freeze it and start it again under the same address.
 */
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import type { Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { Redis } from 'ioredis'

import { within } from '../deadline.ts'
import { redisBinary } from './binary.ts'
import { freePort } from './free-port.ts'

export { freePort }

export interface RedisServer extends AsyncDisposable {
  readonly host: string
  readonly port: number
  readonly folder: string
  /** A client for the test itself. */
  readonly client: Redis
  /** SIGKILL. */
  kill(): Promise<void>
  /** SIGSTOP: the connections stay open, and the server does not answer. */
  freeze(): void
  thaw(): void
  /** Starts it again with the same address and folder. */
  restart(): Promise<void>
}

export const localhost = '127.0.0.1'

/**
 * @param args the arguments of the command line, without port and folder
 * @param configure writes further files into the folder; returns the first arguments
 */
export async function startServer(
  args: readonly string[] = [],
  configure: (folder: string) => Promise<string[]> = async () => [],
): Promise<RedisServer> {
  await using stack = new AsyncDisposableStack()
  const folder = await mkdtemp(join(tmpdir(), 'loom-redis-'))
  stack.defer(() => rm(folder, { recursive: true, force: true }))
  const all = [...(await configure(folder)), ...args]
  let port = await freePort()
  let running = await launch(port, folder, all).catch(async (error: unknown) => {
    if (!String(error).includes('in use')) throw error
    // Another process took the port after it was found free.
    port = await freePort()
    return launch(port, folder, all)
  })
  const client = new Redis({ host: localhost, port, lazyConnect: true, retryStrategy: () => 20 })
  // The commands of the test reject with the same errors.
  client.on('error', () => {})

  const kill = async () => {
    if (running.exitCode !== null || running.signalCode !== null) return
    const exit = once(running, 'exit')
    running.kill('SIGKILL')
    await exit
  }
  const owned = stack.move()
  return {
    host: localhost,
    port,
    folder,
    client,
    kill,
    freeze: () => void running.kill('SIGSTOP'),
    thaw: () => void running.kill('SIGCONT'),
    async restart() {
      await kill()
      running = await launch(port, folder, all)
    },
    async [Symbol.asyncDispose]() {
      client.disconnect()
      await kill()
      await owned.disposeAsync()
    },
  }
}

async function launch(
  port: number,
  folder: string,
  args: readonly string[],
): Promise<ChildProcess> {
  const { command, env } = await redisBinary()
  const common = ['--port', String(port), '--bind', localhost, '--dir', folder]
  const child = spawn(command, [...args, ...common], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  // A killed test process cannot clean up. This guard ends the server when its pipe closes.
  const guard = spawn('sh', ['-c', 'read _; kill -9 "$0" 2>/dev/null', String(child.pid)], {
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  child.once('exit', () => guard.kill('SIGKILL'))
  let output = ''
  child.stdout?.on('data', (text: Buffer) => (output = `${output}${String(text)}`.slice(-4000)))
  const { promise: ready, resolve, reject } = Promise.withResolvers<void>()
  child.once('error', reject)
  child.once('close', (code) => reject(new Error(`it ended with code ${code}`)))
  // The output of the server itself, because another server on the port would also accept a connection.
  child.stdout?.on('data', () => {
    if (/Ready to accept connections|Sentinel ID is/.test(output)) resolve()
  })
  try {
    await within(30_000, 'the start of redis-server', ready)
  } catch (error) {
    child.kill('SIGKILL')
    throw new Error(`redis-server did not start:\n${output}`, { cause: error })
  }
  return child
}

/** Returns the port of a server that listens on TCP. */
export function portOf(server: Server): number {
  const address = server.address()
  if (typeof address !== 'object' || address === null) throw new Error('it does not listen on TCP')
  return address.port
}
