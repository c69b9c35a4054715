/**
 * Two instances on one Redis, and a crowd of clients that start turns at one and follow them at the
 * other.
 */
import { Child } from '../../bench/child.ts'
import { addressOf, endProcesses, startLoom } from '../loom-process.ts'
import { type RunningRedis, startRedis } from '../redis/redis.ts'
import { type CrowdOrder, type Told, toldSchema } from './crowd-orders.ts'

export interface Audience extends AsyncDisposable {
  redis: RunningRedis
  /** Runs the turns. */
  owner: Instance
  /** Serves the followers. */
  reader: Instance
  crowd: (order: CrowdOrder) => Promise<Told>
  /** Connections to Redis by process id, as Redis sees them. */
  connections(): Promise<Record<number, number>>
}

export interface Instance {
  url: string
  pid: number
}

const orderMs = 90_000

export async function openAudience(): Promise<Audience> {
  await using stack = new AsyncDisposableStack()
  const redis = stack.use(await startRedis())
  const child = new Child({
    label: 'crowd',
    args: [new URL('crowd.ts', import.meta.url).pathname],
    core: null,
  })
  stack.defer(() => child.stop())
  const crowd = async (order: CrowdOrder) => toldSchema.parse(await child.call(order, orderMs))
  const { url: model = '' } = await crowd({ do: 'open' })
  stack.defer(endProcesses)
  const start = async (): Promise<Instance> => {
    const loom = startLoom({
      REDIS_URL: redis.url,
      STAGE_BASE_URL: model,
      LOOM_MODEL: 'stage/model',
      // The audience has more slow turns than an instance accepts by default.
      LOOM_TURNS_MAX: '0',
    })
    // The audience ends this process itself.
    loom.exited.catch(() => {})
    return { url: await addressOf(loom), pid: loom.child.pid ?? 0 }
  }
  const [owner, reader] = await Promise.all([start(), start()])
  const owned = stack.move()
  return {
    redis,
    owner,
    reader,
    crowd,
    async connections() {
      const list = String(await redis.client.client('LIST'))
      const pids = [...list.matchAll(/ name=loom:[^: ]+:(\d+):/g)].map(([, pid]) => Number(pid))
      const counts: Record<number, number> = {}
      for (const pid of pids) counts[pid] = (counts[pid] ?? 0) + 1
      return counts
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}
