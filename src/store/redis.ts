/**
 * The store in Redis, for servers of many instances and conversations that outlive them: one Redis,
 * one behind sentinels, or a cluster. Redis 7.0 or later, and one that does not evict.
 */
import { LoomError } from '../ground/error.ts'
import type { Store } from '../store.ts'
import { createAppends } from './redis/appends.ts'
import { type Connection, connect } from './redis/connection.ts'
import { redisInstances } from './redis/instances.ts'
import type { Limits } from './redis/limits.ts'
import { redisLogs } from './redis/logs.ts'
import { isRedisPrefix, redisPrefixRule } from './redis/prefix.ts'
import { checkServer } from './redis/server.ts'
import { redisSessions } from './redis/sessions.ts'
import { createSubscriptions } from './redis/subscriptions.ts'
import { redisTurns } from './redis/turns.ts'
import { parseRedisUrl } from './redis/url.ts'

export interface RedisStoreOptions extends Partial<Limits> {
  /** `redis://`, `rediss://`, `redis+cluster://` or `redis+sentinel://`: see `redis/url.ts`. */
  url: string
  /**
   * Begins the name of every key and channel, with a colon behind it, so that several Looms can share
   * one Redis. Letters, digits and `. _ : -`. @defaultValue none
   */
  prefix?: string
  /** How long a call waits for a Redis that is away, in milliseconds; then it is `unavailable`. */
  patienceMs?: number
  /** Told what an operator should know. */
  report?: (notice: StoreNotice) => void
}

/** What an operator of the store should know. */
export type StoreNotice =
  /** Something about the server that will cost data. */
  | { type: 'warning'; message: string }
  /** The connection failed; it is tried again, and calls wait for it. */
  | { type: 'connection-error'; error: Error }
  /** It stands again, and Redis answers. */
  | { type: 'connected' }

const day = 24 * 60 * 60 * 1000

/** @throws LoomError `invalid-config`, or `unavailable` where Redis does not answer in time */
export async function openRedisStore(options: RedisStoreOptions): Promise<Store> {
  const { url, prefix = '', patienceMs = 30_000, report = () => {}, ...given } = options
  const limits: Limits = {
    sessionTtlMs: 30 * day,
    replyTtlMs: Math.max(180_000, patienceMs * 3),
    knownMax: 10_000,
    branchesMax: 100,
    branchedMax: 2000,
    indexMax: 10_000,
    ...given,
  }
  const address = parseRedisUrl(url)
  const connection = await connect(address, {
    patienceMs,
    keyPrefix: keyPrefixOf(prefix),
    onError: (error) => report({ type: 'connection-error', error }),
    onBack: () => report({ type: 'connected' }),
  })
  try {
    for (const message of await checkServer(connection.clients.commands, address)) {
      report({ type: 'warning', message })
    }
  } catch (error) {
    connection.close()
    throw error
  }
  const append = createAppends(connection, { shared: address.kind !== 'cluster' })
  const subscriptions = createSubscriptions(connection.clients.subscriber, connection.patience)
  const storeOver = (way: Connection): Store => ({
    ...redisTurns(way, limits, append),
    ...redisSessions(way, limits),
    ...redisLogs(way, subscriptions),
    ...redisInstances(way, subscriptions),
    within: (ms) => storeOver(way.within(ms)),
    async close() {
      subscriptions.close()
      connection.close()
    },
  })
  return storeOver(connection)
}

/** @throws LoomError `invalid-config` */
function keyPrefixOf(prefix: string): string {
  if (isRedisPrefix(prefix)) return prefix === '' || prefix.endsWith(':') ? prefix : `${prefix}:`
  throw new LoomError('invalid-config', `A prefix of Redis keys ${redisPrefixRule}.`)
}
