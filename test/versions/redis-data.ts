/** The keys of a Redis as JSON, and back. The form does not depend on the version of Redis, unlike DUMP. */
import type { Redis } from 'ioredis'

export interface StoredKey {
  key: string
  type: string
  /** The arguments of the command that makes the key, without its name. */
  values: string[]
}

/** Replies of calls are left out: they live for minutes. */
export async function readKeys(client: Redis): Promise<StoredKey[]> {
  const keys = (await client.keys('*')).filter((key) => !key.includes(':reply:'))
  return Promise.all(
    keys.toSorted().map(async (key) => {
      const type = await client.type(key)
      return { key, type, values: await valuesOf(client, key, type) }
    }),
  )
}

async function valuesOf(client: Redis, key: string, type: string): Promise<string[]> {
  switch (type) {
    case 'hash':
      return Object.entries(await client.hgetall(key)).flat()
    case 'list':
      return client.lrange(key, 0, -1)
    case 'set':
      return client.smembers(key)
    case 'string':
      return [(await client.get(key)) ?? '']
    case 'zset': {
      const rows = await client.zrange(key, '0', '-1', 'WITHSCORES')
      // The command takes the score first.
      return rows.flatMap((member, index) =>
        index % 2 === 0 ? [rows[index + 1] ?? '', member] : [],
      )
    }
    case 'stream':
      return (await client.xrange(key, '-', '+')).map(([id, fields]) =>
        JSON.stringify([id, ...fields]),
      )
    default:
      throw new Error(`${key} has the type ${type}, which the fixtures do not have.`)
  }
}

export async function writeKeys(client: Redis, stored: readonly StoredKey[]): Promise<void> {
  for (const { key, type, values } of stored) {
    if (type === 'hash') await client.hset(key, ...values)
    else if (type === 'list') await client.rpush(key, ...values)
    else if (type === 'set') await client.sadd(key, ...values)
    else if (type === 'string') await client.set(key, values[0] ?? '')
    else if (type === 'zset') await client.call('ZADD', key, ...values)
    else {
      for (const value of values) {
        const [id = '', ...fields]: string[] = JSON.parse(value)
        await client.xadd(key, id, ...fields)
      }
    }
    await client.expire(key, 3600)
  }
}
