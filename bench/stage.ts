/**
 * One contender under load: its server on a core of its own, with a fresh upstream and a fresh load
 * client on the other core. Two stages share nothing, so neither their order nor the remains of an
 * earlier one can favour a contender.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

import { z } from 'zod'

import { freePort } from '../test/redis/free-port.ts'
import { startRedis } from '../test/redis/redis.ts'
import { Child } from './child.ts'
import type { Contender } from './contender.ts'
import type { Order } from './order.ts'
import { memorySchema, sightingSchema, stampSchema } from './protocol.ts'
import type { Memory, Probe, Sighting, Stamp } from './protocol.ts'

export interface Stage {
  /** Sends orders over several connections. Resolves when all have their correct answers. */
  send(orders: readonly Order[], connections: number): Promise<Sighting[]>
  /** Returns the upstream's notes since the last call. */
  stamps(): Promise<Stamp[]>
  /** Returns the CPU time of the server so far, in microseconds. */
  cpuMicros(): number
  memory(): Promise<Memory>
  /** Profiles the server until `endProfile`, if a profile was requested. */
  startProfile(): Promise<void>
  endProfile(): Promise<void>
  close(): Promise<void>
}

export interface StageOptions {
  contender: Contender
  /** Two cores: one for the server, and one for the other processes; null leaves that to the system. */
  cores: readonly [number, number] | null
  /** The file for a CPU profile, if one was requested. */
  profileFile?: string
}

/**
 * The time limit of a reply that is not a stream, such as a collection or a list of notes, in
 * milliseconds.
 */
const replyMs = 30_000
/** The time limit of a load, in milliseconds. */
const loadMs = 300_000

const file = (path: string): string => fileURLToPath(new URL(path, import.meta.url))

export async function openStage(options: StageOptions): Promise<Stage> {
  const { contender, profileFile } = options
  const [serverCore, otherCore] = options.cores ?? [null, null]
  const port = await freePort()
  const upstreamPort = await freePort()
  // Redis shares the other core with this process: its own work is not the server's CPU time.
  const redis = contender.redis === true ? await startRedis() : undefined
  const upstream = new Child({
    label: 'upstream',
    args: [file('upstream.ts'), String(upstreamPort)],
    core: otherCore,
  })
  const load = new Child({ label: 'load', args: [file('load.ts')], core: otherCore })
  const server = new Child({
    label: 'server',
    args: contender.args,
    env: contender.env({ port, upstreamPort, redisPort: redis?.port ?? 0 }),
    core: serverCore,
  })
  const ask = (question: Probe): Promise<unknown> => server.call(question, replyMs)
  const close = async (): Promise<void> => {
    await Promise.all([server.stop(), load.stop(), upstream.stop()])
    await redis?.[Symbol.asyncDispose]()
  }
  try {
    await Promise.all([upstream.waitForPort(upstreamPort), server.waitForPort(port)])
  } catch (error) {
    await close()
    throw error
  }
  return {
    async send(orders, connections) {
      const { path, body, format } = contender
      const reply = await load.call({ port, path, body, format, connections, orders }, loadMs)
      return z.array(sightingSchema).parse(reply)
    },
    async stamps() {
      return z.array(stampSchema).parse(await upstream.call({}, replyMs))
    },
    cpuMicros: () => server.cpuMicros(),
    async memory() {
      return memorySchema.parse(await ask({ ask: 'memory' }))
    },
    async startProfile() {
      if (profileFile !== undefined) await ask({ ask: 'start-profile' })
    },
    async endProfile() {
      if (profileFile === undefined) return
      const { profile } = z
        .object({ profile: z.unknown() })
        .parse(await ask({ ask: 'end-profile' }))
      mkdirSync(new URL('.', `file://${profileFile}`), { recursive: true })
      writeFileSync(profileFile, JSON.stringify(profile))
    },
    close,
  }
}
