/**
 * One redis-server process: on a free port, in a folder of its own, gone with whoever started it. It
 * can be killed, frozen and started again under the same address.
 */
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import type { Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { Redis } from 'ioredis'

import { redisBinary } from './binary.ts'

export interface RedisServer extends AsyncDisposable {
  readonly host: string
  readonly port: number
  readonly folder: string
  /** A client of the test's own. */
  readonly client: Redis
  /** SIGKILL. */
  kill(): Promise<void>
  /** SIGSTOP: the connections stand, and nothing answers. */
  freeze(): void
  thaw(): void
  /** Starts it again, where it was. */
  restart(): Promise<void>
}

export const localhost = '127.0.0.1'

/**
 * @param args as on the command line, without port and folder
 * @param configure makes what else the server needs in its folder; answers the first arguments
 */
export async function startServer(
  args: readonly string[] = [],
  configure: (folder: string) => Promise<string[]> = async () => [],
): Promise<RedisServer> {
  await using stack = new AsyncDisposableStack()
  const folder = await mkdtemp(join(tmpdir(), 'loom-redis-'))
  stack.defer(() => rm(folder, { recursive: true, force: true }))
  const all = [...(await configure(folder)), ...args]
  const port = await freePort()
  let running = await launch(port, folder, all)
  const client = new Redis({ host: localhost, port, lazyConnect: true, retryStrategy: () => 20 })
  // The test sees what its commands reject with.
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
  // A test process that is killed cannot clean up: this one notices that its pipe has closed.
  const guard = spawn('sh', ['-c', 'read _; kill -9 "$0" 2>/dev/null', String(child.pid)], {
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  child.once('exit', () => guard.kill('SIGKILL'))
  let output = ''
  child.stdout?.on('data', (text: Buffer) => (output = `${output}${String(text)}`.slice(-4000)))
  try {
    await answering(port, child)
  } catch (error) {
    child.kill('SIGKILL')
    throw new Error(`redis-server did not start:\n${output}`, { cause: error })
  }
  return child
}

/** Waits until the port accepts. */
async function answering(port: number, child: ChildProcess): Promise<void> {
  const deadline = performance.now() + 10_000
  while (performance.now() < deadline) {
    if (child.exitCode !== null) throw new Error(`it ended with code ${child.exitCode}`)
    if (await accepts(port)) return
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  throw new Error('it did not accept connections within 10 s')
}

async function accepts(port: number): Promise<boolean> {
  const socket = connect(port, localhost)
  try {
    await once(socket, 'connect')
    return true
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, localhost)
  await once(server, 'listening')
  const port = portOf(server)
  server.close()
  await once(server, 'close')
  return port
}

/** Where a server that listens on TCP does so. */
export function portOf(server: Server): number {
  const address = server.address()
  if (typeof address !== 'object' || address === null) throw new Error('it does not listen on TCP')
  return address.port
}
