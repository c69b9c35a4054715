/**
 * The contenders. Each is a command that serves on a port and calls the upstream; the benchmark has
 * no other information about it. Loom starts as for a user, with its default agent: once alone,
 * once as an instance with its sessions in Redis, and once alone for clients of OpenAI's API.
 */
import { fileURLToPath } from 'node:url'

import type { BodyForm } from './order.ts'
import type { Format } from './reading.ts'

export const contenderNames = ['loom', 'redis', 'openai', 'stock', 'relay'] as const
export type ContenderName = (typeof contenderNames)[number]

export interface Contender {
  path: string
  /** The body of its requests. */
  body: BodyForm
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
    body: 'chat',
    format: 'ui',
    args: [...probed, file('../bin/loom.mjs'), 'serve'],
    env: benchEnv,
  },
  redis: {
    path: '/api/chat',
    body: 'chat',
    format: 'ui',
    args: [...probed, file('../bin/loom.mjs'), 'serve'],
    env: (ports) => ({ ...benchEnv(ports), REDIS_URL: `redis://127.0.0.1:${ports.redisPort}` }),
    redis: true,
  },
  openai: {
    path: '/v1/chat/completions',
    body: 'completion',
    format: 'openai',
    args: [...probed, file('../bin/loom.mjs'), 'serve'],
    env: benchEnv,
  },
  stock: {
    path: '/api/chat',
    body: 'chat',
    format: 'ui',
    args: [...probed, file('contender/stock.ts')],
    env: benchEnv,
  },
  relay: {
    path: '/v1/chat/completions',
    body: 'chat',
    format: 'openai',
    args: [...probed, file('contender/relay.ts')],
    env: benchEnv,
  },
}
