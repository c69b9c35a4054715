/** The running turns and the open streams of each principal, counted by all instances together. */
import type { RedisClient } from '../../store/redis/client.ts'

export interface Slots {
  /**
   * Adds an entry. Resolves with false, and adds nothing, if the principal would then have more than `max`.
   * @param max Infinity adds the entry in any case
   */
  enter(principal: string, id: string, max: number): Promise<boolean>
  /** Removes an entry. */
  leave(principal: string, id: string): void
  close(): void
}

export function memorySlots(): Slots {
  const entries = new Map<string, Set<string>>()
  return {
    async enter(principal, id, max) {
      const own = entries.get(principal) ?? new Set()
      if (own.size >= max) return false
      entries.set(principal, own.add(id))
      return true
    },
    leave(principal, id) {
      const own = entries.get(principal)
      own?.delete(id)
      if (own?.size === 0) entries.delete(principal)
    },
    close: () => entries.clear(),
  }
}

/**
 * An entry of an instance that dies ends after this time, in milliseconds. The clocks of the instances may differ
 * by half of it.
 */
const leaseDefaultMs = 30_000

/**
 * A sorted set for each principal, with the end of its lease as the score of an entry. Each instance renews the
 * leases of its own entries, so a killed one leaves nothing behind. While Redis is away, nothing is refused here:
 * the store accepts no message then.
 * @param leaseMs see `leaseDefaultMs`
 */
export function redisSlots(client: RedisClient, name: string, leaseMs = leaseDefaultMs): Slots {
  const held = new Map<string, string>()
  const keyOf = (principal: string) => `loom:limit:${name}:{${principal}}`
  const put = (principal: string, id: string) =>
    client
      .multi()
      .zremrangebyscore(keyOf(principal), '-inf', Date.now())
      .zadd(keyOf(principal), Date.now() + leaseMs, id)
      .pexpire(keyOf(principal), 2 * leaseMs)
      .zcard(keyOf(principal))
      .exec()
  const remove = (principal: string, id: string) => {
    held.delete(id)
    // After a failure, the lease ends.
    client.zrem(keyOf(principal), id).catch(() => {})
  }
  const renewal = setInterval(() => {
    for (const [id, principal] of held) put(principal, id).catch(() => {})
  }, leaseMs / 3)
  renewal.unref()
  return {
    async enter(principal, id, max) {
      held.set(id, principal)
      const replies = await put(principal, id).catch(() => undefined)
      const count = replies?.at(-1)?.[1]
      if (typeof count !== 'number' || count <= max) return true
      remove(principal, id)
      return false
    },
    leave: remove,
    close: () => clearInterval(renewal),
  }
}
