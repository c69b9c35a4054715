/** Opens the limits of principals with a connection of their own, which no other work delays. */
import type { Config } from '../../config.ts'
import { createClients, type RedisClient } from '../../store/redis/client.ts'
import { parseRedisUrl } from '../../store/redis/url.ts'
import { PrincipalLimits } from './principal-limits.ts'

/** The longest wait of a request for the counters, in milliseconds. After it, this process counts. */
const commandTimeoutMs = 1000

export async function openLimits(
  { quotas, redisUrl, redisPrefix }: Pick<Config, 'quotas' | 'redisUrl' | 'redisPrefix'>,
  report: (error: unknown) => void,
): Promise<PrincipalLimits> {
  const client = redisUrl === undefined ? undefined : await connected(redisUrl, redisPrefix)
  return new PrincipalLimits(quotas, { client, report })
}

async function connected(url: string, prefix: string): Promise<RedisClient> {
  const keyPrefix = prefix === '' || prefix.endsWith(':') ? prefix : `${prefix}:`
  const { commands: client } = createClients(parseRedisUrl(url), { commandTimeoutMs, keyPrefix })
  // The store reports an outage. The client connects again by itself.
  client.on('error', () => {})
  await client.connect().catch(() => {})
  return client
}
