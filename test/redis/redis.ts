/** One Redis, as a developer has it: no persistence, nothing left behind. */
import { startServer } from './server.ts'
import type { RedisServer } from './server.ts'

export interface RunningRedis extends RedisServer {
  url: string
}

/** @param args more of redis-server's options; `--appendonly yes` keeps data over a restart */
export async function startRedis(args: readonly string[] = []): Promise<RunningRedis> {
  const server = await startServer(['--save', '', '--appendfsync', 'always', ...args])
  return { ...server, url: `redis://${server.host}:${server.port}` }
}
