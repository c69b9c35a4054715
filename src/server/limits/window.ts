/** One limit of amounts in a window of time, by principal, on Redis or in this process. */
import {
  type RateLimiterAbstract,
  RateLimiterMemory,
  RateLimiterRedis,
  RateLimiterRes,
} from 'rate-limiter-flexible'

import type { RedisClient } from '../../store/redis/client.ts'
import type { Quota } from './quotas.ts'

/** The state of a limit of a principal. */
export interface Standing {
  name: string
  quota: Quota
  /** The part of the amount that is left. */
  remaining: number
  /** The time to the end of the window, in seconds. */
  resetS: number
}

/** The counters have whole numbers, and a cost is a fraction of a dollar. */
const unitsOf = (name: string) => (name === 'cost' ? 1_000_000 : 1)

export class QuotaWindow {
  readonly name: string
  readonly #quota: Quota
  readonly #limiter: RateLimiterAbstract

  /** @param client undefined counts in this process */
  constructor(name: string, quota: Quota, client: RedisClient | undefined) {
    this.name = name
    this.#quota = quota
    const options = {
      keyPrefix: `loom:limit:${name}`,
      points: Math.round(quota.amount * unitsOf(name)),
      duration: quota.windowS,
    }
    const local = new RateLimiterMemory(options)
    // While Redis is away, each instance counts by itself.
    this.#limiter =
      client === undefined
        ? local
        : new RateLimiterRedis({ ...options, storeClient: client, insuranceLimiter: local })
  }

  /** Counts an amount, also one that is beyond the limit. Resolves with the state after it. */
  async add(principal: string, amount: number): Promise<Standing & { isExceeded: boolean }> {
    const points = Math.round(amount * unitsOf(this.name))
    try {
      const result = await this.#limiter.consume(principal, points)
      return { ...this.#standing(result), isExceeded: false }
    } catch (error) {
      if (!(error instanceof RateLimiterRes)) throw error
      return { ...this.#standing(error), isExceeded: true }
    }
  }

  async read(principal: string): Promise<Standing> {
    const result = await this.#limiter.get(principal)
    return this.#standing(result ?? undefined)
  }

  #standing(result: RateLimiterRes | undefined): Standing {
    const { amount, windowS } = this.#quota
    const remaining = result === undefined ? amount : result.remainingPoints / unitsOf(this.name)
    const ms = result?.msBeforeNext ?? windowS * 1000
    return {
      name: this.name,
      quota: this.#quota,
      remaining,
      resetS: Math.max(1, Math.ceil(ms / 1000)),
    }
  }
}
