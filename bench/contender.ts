/**
 * The contenders. Each is a command that serves on a port and calls the upstream; the benchmark has
 * no other information about it. Loom starts as for a user, with its default agent: once alone, and
 * once as an instance with its sessions in Redis.
 */
import { fileURLToPath } from 'node:url'

import type { Format } from './reading.ts'

export const contenderNames = ['loom', 'redis', 'stock', 'relay'] as const
export type ContenderName = (typeof contenderNames)[number]

export interface Contender {
  /** The path of a `useChat` request. */
  path: string
  /** The format of its answers. */
  format: Format
  /** Node's own options, the program and its arguments. */
  args: readonly string[]
  env: (ports: Ports) => Record<string, string>
  /** True if it needs a Redis. */
  redis?: true
}

/** The port of the server, and the ports that it may call. */
export interface Ports {
  port: number
  upstreamPort: number
  /** 0 if there is no Redis. */
  redisPort: number
}

const file = (path: string): string => fileURLToPath(new URL(path, import.meta.url))

// All contenders load it, so that it makes no difference between them.
const probed = ['--import', file('probe.ts')]

function benchEnv({ port, upstreamPort }: Ports): Record<string, string> {
  return {
    PORT: String(port),
    HOST: '127.0.0.1',
    NODE_ENV: 'production',
    BENCH_BASE_URL: `http://127.0.0.1:${upstreamPort}/v1`,
    BENCH_API_KEY: 'bench',
    LOOM_MODEL: 'bench/model',
  }
}

export const contenders: Readonly<Record<ContenderName, Contender>> = {
  loom: {
    path: '/api/chat',
    format: 'ui',
    args: [...probed, file('../bin/loom.mjs'), 'serve'],
    env: benchEnv,
  },
  redis: {
    path: '/api/chat',
    format: 'ui',
    args: [...probed, file('../bin/loom.mjs'), 'serve'],
    env: (ports) => ({ ...benchEnv(ports), REDIS_URL: `redis://127.0.0.1:${ports.redisPort}` }),
    redis: true,
  },
  stock: {
    path: '/api/chat',
    format: 'ui',
    args: [...probed, file('contender/stock.ts')],
    env: benchEnv,
  },
  relay: {
    path: '/v1/chat/completions',
    format: 'openai',
    args: [...probed, file('contender/relay.ts')],
    env: benchEnv,
  },
}
