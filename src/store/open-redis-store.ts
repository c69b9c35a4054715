/** The public door to the store in Redis. Its modules and ioredis load at the first call. */
import { explainImport } from '../ground/explain-import.ts'
import type { Store } from '../store.ts'
import type { RedisStoreOptions } from './redis.ts'

/**
 * Opens a store in Redis 7.0 or later: a single server, a server behind sentinels, or a cluster.
 * @throws LoomError `invalid-config` for a bad URL, a bad prefix or a Redis that Loom cannot use;
 * `unavailable` if Redis does not answer within `patienceMs`
 * @example
 * ```ts
 * import { openRedisStore } from 'loomkit'
 *
 * const store = await openRedisStore({ url: 'redis://localhost:6379', prefix: 'school' })
 * await store.close()
 * ```
 */
export async function openRedisStore(options: RedisStoreOptions): Promise<Store> {
  const redis = await import('./redis.ts').catch(explainImport)
  return redis.openRedisStore(options)
}
