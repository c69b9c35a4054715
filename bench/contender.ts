/**
 * Who is compared. Each is a command that serves on a port and asks the upstream; the benchmark knows
 * nothing else of it. Loom is started as a user starts it, with its default agent.
 */
import { fileURLToPath } from 'node:url'

import type { Format } from './reading.ts'

export const contenderNames = ['loom', 'stock', 'relay'] as const
export type ContenderName = (typeof contenderNames)[number]

export interface Contender {
  /** Where it takes a `useChat` request. */
  path: string
  /** What it answers in. */
  format: Format
  /** Node's own options, the program and its arguments. */
  args: readonly string[]
  env: (port: number, upstreamPort: number) => Record<string, string>
}

const file = (path: string): string => fileURLToPath(new URL(path, import.meta.url))

// In everyone, so that it is a difference between none of them.
const probed = ['--import', file('probe.ts')]

function benchEnv(port: number, upstreamPort: number): Record<string, string> {
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
