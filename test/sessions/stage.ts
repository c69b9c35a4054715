/**
 * Real server processes on one real Redis, and a model for them. `await using stage = await
 * openStage()` starts everything and leaves nothing behind. A test kills, freezes, cuts off and
 * restarts instances, each with one line.
 */
import { once } from 'node:events'

import { within } from '../deadline.ts'
import { addressOf, type LoomProcess, startLoom } from '../loom-process.ts'
import { type RedisProxy, startProxy } from '../redis/proxy.ts'
import { type RunningRedis, startRedis } from '../redis/redis.ts'
import { until } from '../redis/until.ts'
import { type Asked, openUpstream, type Reply, type Upstream } from './upstream.ts'

export interface StageOptions {
  /** @defaultValue 2 */
  instances?: number
  /** More variables for every instance. */
  environment?: Record<string, string>
  /** The time between two chunks of the model, in milliseconds. @defaultValue 2 */
  paceMs?: number
  /** The replies of the model, instead of those of `upstream.ts`. */
  replyTo?: (messages: Asked['messages']) => Reply
  /** A file that runs instead of the `loom` command. */
  program?: string
  /** A file with the agents, instead of Loom's own. */
  agents?: string
  /** The port of each instance, also after it was replaced. @defaultValue any free ports */
  ports?: readonly string[]
}

/** Servers on a Redis of the test's own. */
export interface BareStage extends AsyncDisposable {
  upstream: Upstream
  instance(index: number): StageInstance
  instances(): readonly StageInstance[]
  /** Starts one more instance, or replaces `instance(index)`. */
  start(index?: number): Promise<StageInstance>
}

export interface Stage extends BareStage {
  redis: RunningRedis
}

export interface StageInstance {
  url: string
  /** The API key of its model calls. No other instance has the same. */
  key: string
  /** Returns its output to stderr. */
  errors(): string
  /** Sends SIGKILL and waits for its end. */
  kill(): Promise<void>
  /** Sends SIGSTOP: its connections stay open, and it does nothing. */
  freeze(): void
  thaw(): void
  /** Cuts it off from Redis while it runs on. After the repair, its earlier writes arrive. */
  partition(): void
  heal(): void
  /** Sends SIGTERM. `gone` settles with the exit code. */
  terminate(): { gone: Promise<number | null> }
}

/** The time without a heartbeat until death: short, so that tests need not wait. */
export const heartbeatMs = 600

export async function openStage(options: StageOptions = {}): Promise<Stage> {
  await using stack = new AsyncDisposableStack()
  const redis = stack.use(await startRedis(['--appendonly', 'yes']))
  const proxyTo = () => startProxy(redis.port)
  const stage = stack.use(await openStageOn(redis.url, options, proxyTo))
  const { instances = 2 } = options
  await until(30_000, 'every instance is in the register', async () => {
    return (await redis.client.zcard('loom:{instances}:register')) === instances
  })
  const owned = stack.move()
  return { ...stage, redis, [Symbol.asyncDispose]: () => owned.disposeAsync() }
}

/** @param proxyTo opens a proxy to that Redis. Without it, no instance can be cut off. */
export async function openStageOn(
  redisUrl: string,
  options: StageOptions = {},
  proxyTo?: () => Promise<RedisProxy>,
): Promise<BareStage> {
  const { instances: count = 2, environment = {}, paceMs = 2, replyTo, program } = options
  const { agents, ports = [] } = options
  await using stack = new AsyncDisposableStack()
  const upstream = stack.use(await openUpstream(paceMs, replyTo))
  const instances: StageInstance[] = []
  const proxies: RedisProxy[] = []
  stack.defer(
    async () => void (await Promise.all(proxies.map((proxy) => proxy[Symbol.asyncDispose]()))),
  )
  stack.defer(async () => void (await Promise.all(instances.map((instance) => instance.kill()))))
  let launched = 0
  const launch = async (index: number) => {
    const key = `instance-${launched++}`
    const proxy = await proxyTo?.()
    if (proxy !== undefined) proxies.push(proxy)
    const loom = startLoom(
      {
        REDIS_URL: proxy?.url ?? redisUrl,
        STAGE_BASE_URL: upstream.url,
        STAGE_API_KEY: key,
        LOOM_MODEL: 'stage/model',
        LOOM_HEARTBEAT_MS: String(heartbeatMs),
        // Compact messages, as a day after an upgrade.
        LOOM_ROLLBACK_TIME: '0',
        PORT: ports[index] ?? '0',
        ...environment,
      },
      ['serve', ...(agents === undefined ? [] : [agents])],
      program,
    )
    return { ...controls(loom, proxy), url: await addressOf(loom), key }
  }
  instances.push(...(await Promise.all(Array.from({ length: count }, (_, index) => launch(index)))))
  const owned = stack.move()
  return {
    upstream,
    instance(index) {
      const instance = instances[index]
      if (instance === undefined) throw new Error(`there is no instance ${index}`)
      return instance
    },
    instances: () => instances,
    async start(index = instances.length) {
      const instance = await launch(index)
      instances[index] = instance
      return instance
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

function controls(
  { child, output, exited }: LoomProcess,
  proxy: RedisProxy | undefined,
): Omit<StageInstance, 'url' | 'key'> {
  // The test ends this process itself.
  exited.catch(() => {})
  const isGone = () => child.exitCode !== null || child.signalCode !== null
  const cut = () => {
    if (proxy === undefined) throw new Error('this instance has no proxy to be cut off by')
    return proxy
  }
  return {
    errors: () => output().stderr,
    async kill() {
      if (isGone()) return
      const exit = once(child, 'exit')
      child.kill('SIGKILL')
      await within(5000, `the end of process ${child.pid}`, exit)
    },
    freeze: () => void child.kill('SIGSTOP'),
    thaw: () => void child.kill('SIGCONT'),
    partition: () => cut().hold(),
    heal: () => cut().release(),
    terminate() {
      const exit = once(child, 'exit')
      child.kill('SIGTERM')
      return { gone: within(15_000, 'the end after SIGTERM', exit).then(() => child.exitCode) }
    },
  }
}
