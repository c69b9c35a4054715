/** Three instances on one Redis behind a balancer, each of one of two versions. */
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { access, mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { brotliDecompressSync } from 'node:zlib'

import { latestFormat } from '../../../src/store/redis/format.ts'
import { root } from '../../cli/command.ts'
import { within } from '../../deadline.ts'
import { addressOf, endProcesses, type LoomProcess, startLoom } from '../../loom-process.ts'
import { type RunningRedis, startRedis } from '../../redis/redis.ts'
import { freePort } from '../../redis/server.ts'
import { until } from '../../redis/until.ts'
import { type BalancerKind, startBalancer } from '../programs.ts'

/** `previous` is 0.1, see `test/versions/write-command.ts`. */
export type Version = 'previous' | 'this'

export interface Fleet extends AsyncDisposable {
  /** The address of the balancer. */
  url: string
  redis: RunningRedis
  /** Sends SIGTERM to each instance in turn, and starts it again with a version. */
  roll(version: Version): Promise<void>
  /** Waits until a session has messages in the compact form. */
  compacted(): Promise<void>
}

export const key = 'a-long-secret'
const count = 3

export interface FleetOptions {
  kind: BalancerKind
  version: Version
  /** The pause of the model before each word, in milliseconds. */
  wordMs: number
  /** Whether this version stores compact messages as soon as no instance of the previous version lives. */
  isCompact?: boolean
}

export async function openFleet({
  kind,
  version: first,
  wordMs,
  isCompact = false,
}: FleetOptions): Promise<Fleet> {
  await using stack = new AsyncDisposableStack()
  const redis = stack.use(await startRedis(['--appendonly', 'yes', '--appendfsync', 'everysec']))
  stack.defer(endProcesses)
  const programs = { previous: await previousProgram(), this: undefined }
  const ports = await Promise.all(
    Array.from({ length: count }, async () => String(await freePort())),
  )
  const instances: LoomProcess[] = []
  const start = async (index: number, version: Version) => {
    const environment = {
      PORT: ports[index] ?? '',
      REDIS_URL: redis.url,
      LOOM_API_KEYS: key,
      PACED_WORD_MS: String(wordMs),
      ...(isCompact && version === 'this' && { LOOM_ROLLBACK_TIME: '0' }),
    }
    const agent = join(import.meta.dirname, 'paced-agent.mjs')
    const instance = startLoom(environment, ['serve', agent], programs[version])
    // The fleet ends this process itself.
    instance.exited.catch(() => {})
    instances[index] = instance
    const url = await addressOf(instance)
    await until(10_000, `instance ${index} is ready`, async () => {
      return (await fetch(`${url}/readyz`)).status === 200
    })
  }
  await Promise.all(ports.map((_, index) => start(index, first)))
  const { url } = stack.use(await startBalancer(kind, ports))
  const owned = stack.move()
  return {
    url,
    redis,
    async roll(version) {
      for (const [index, instance] of instances.entries()) {
        const exit = once(instance.child, 'exit')
        instance.child.kill('SIGTERM')
        const [code]: unknown[] = await within(30_000, `the end of instance ${index}`, exit)
        if (code !== 0) throw new Error(`Instance ${index} ended with ${String(code)}.`)
        await start(index, version)
      }
    },
    compacted: () =>
      until(20_000, 'a session has compact messages', async () => {
        const sessions = await redis.client.keys('loom:{*}:session')
        const formats = await Promise.all(sessions.map((each) => redis.client.hget(each, 'v')))
        return formats.includes(String(latestFormat))
      }),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

/** The command of the previous version, unpacked beside the project. */
async function previousProgram(): Promise<string> {
  const cache = join(root, '.cache')
  const packed = await readFile(join(root, 'test/versions/0.1/loom.mjs.br'))
  const digest = createHash('sha256').update(packed).digest('hex').slice(0, 12)
  const target = join(cache, `loom-0.1-${digest}.mjs`)
  const isThere = await access(target).then(
    () => true,
    () => false,
  )
  if (isThere) return target
  await mkdir(cache, { recursive: true })
  const own = `${target}-${process.pid}`
  await writeFile(own, brotliDecompressSync(packed))
  await rename(own, target)
  return target
}
