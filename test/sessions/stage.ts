/**
 * Real server processes on one real Redis, and a model for them. `await using stage = await
 * openStage()` starts it all and leaves nothing behind; a test then kills, freezes and restarts what it
 * likes.
 */
import { once } from 'node:events'

import { within } from '../deadline.ts'
import { addressOf, type LoomProcess, startLoom } from '../loom-process.ts'
import { type RunningRedis, startRedis } from '../redis/redis.ts'
import { until } from '../redis/until.ts'
import { openUpstream, type Upstream } from './upstream.ts'

export interface StageOptions {
  /** @defaultValue 2 */
  instances?: number
  /** More variables for every instance. */
  environment?: Record<string, string>
  /** Milliseconds between two chunks of the model. @defaultValue 2 */
  paceMs?: number
}

export interface Stage extends AsyncDisposable {
  redis: RunningRedis
  upstream: Upstream
  instance(index: number): StageInstance
  /** One more, in the place of `instance(index)` where that is given. */
  start(index?: number): Promise<StageInstance>
}

export interface StageInstance {
  url: string
  /** What it has written to stderr. */
  errors(): string
  /** SIGKILL; settles when it is gone. */
  kill(): Promise<void>
  /** SIGSTOP: its connections stand, and it does nothing. */
  freeze(): void
  thaw(): void
  /** SIGTERM; `gone` settles with the exit code. */
  terminate(): { gone: Promise<number | null> }
}

/** Silence that counts as death: small, so that tests need not wait. */
export const heartbeatMs = 600

export async function openStage(options: StageOptions = {}): Promise<Stage> {
  const { instances: count = 2, environment = {}, paceMs = 2 } = options
  await using stack = new AsyncDisposableStack()
  const redis = stack.use(await startRedis(['--appendonly', 'yes']))
  const upstream = stack.use(await openUpstream(paceMs))
  const instances: StageInstance[] = []
  stack.defer(async () => void (await Promise.all(instances.map((instance) => instance.kill()))))
  const launch = () =>
    startInstance({
      REDIS_URL: redis.url,
      STAGE_BASE_URL: upstream.url,
      LOOM_MODEL: 'stage/model',
      LOOM_HEARTBEAT_MS: String(heartbeatMs),
      ...environment,
    })
  instances.push(...(await Promise.all(Array.from({ length: count }, launch))))
  await until(5000, 'every instance is in the register', async () => {
    return (await redis.client.zcard('loom:{instances}:register')) === count
  })
  const owned = stack.move()
  return {
    redis,
    upstream,
    instance(index) {
      const instance = instances[index]
      if (instance === undefined) throw new Error(`there is no instance ${index}`)
      return instance
    },
    async start(index = instances.length) {
      const instance = await launch()
      instances[index] = instance
      return instance
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

async function startInstance(variables: Record<string, string>): Promise<StageInstance> {
  const loom = startLoom(variables)
  return { ...controls(loom), url: await addressOf(loom) }
}

function controls({ child, output, exited }: LoomProcess): Omit<StageInstance, 'url'> {
  // Its end is the test's doing, whenever it comes.
  exited.catch(() => {})
  const isGone = () => child.exitCode !== null || child.signalCode !== null
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
    terminate() {
      const exit = once(child, 'exit')
      child.kill('SIGTERM')
      return { gone: within(15_000, 'the end after SIGTERM', exit).then(() => child.exitCode) }
    },
  }
}
