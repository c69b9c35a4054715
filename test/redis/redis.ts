/** One Redis without persistence. It leaves no files behind. */
import { startServer } from './server.ts'
import type { RedisServer } from './server.ts'

export interface RunningRedis extends RedisServer {
  url: string
}

/** @param args more options of redis-server; `--appendonly yes` keeps the data over a restart */
export async function startRedis(args: readonly string[] = []): Promise<RunningRedis> {
  const server = await startServer(['--save', '', '--appendfsync', 'always', ...args])
  return { ...server, url: `redis://${server.host}:${server.port}` }
}
