/** The exports of `loomkit/redis`: the store in Redis. */
import '../ground/node-version.ts'

export { openRedisStore } from '../store/open-redis-store.ts'
export type { RedisStoreOptions, StoreNotice } from '../store/redis.ts'
