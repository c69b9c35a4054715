/** What a session stores in Redis is compact, as soon as no instance may need the form of version 0.1. */
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest'

import { newMessageId } from '../src/ground/message-id.ts'
import { agentOf } from './recorded-run.ts'
import { type RunningRedis, startRedis } from './redis/redis.ts'
import { until } from './redis/until.ts'
import { says } from './scripted-model.ts'
import { openServed, type Served } from './sessions/served.ts'
import { turnModel } from './sessions/turn-model.ts'

const text = 'word '.repeat(58).slice(0, 288)
const agent = agentOf({ model: turnModel(() => [says(text)]) })

let redis: RunningRedis
beforeEach(async () => {
  redis = await startRedis()
  onTestFinished(() => redis[Symbol.asyncDispose]())
})

async function open(environment: Record<string, string> = {}): Promise<Served> {
  const settings = { REDIS_URL: redis.url, LOOM_HEARTBEAT_MS: '300', ...environment }
  const served = await openServed([agent], settings)
  onTestFinished(() => served[Symbol.asyncDispose]())
  return served
}

/** A turn as `useChat` posts it. */
async function turn({ api }: Served, id = 'c'): Promise<void> {
  const message = { id: newMessageId(), role: 'user', parts: [{ type: 'text', text }] }
  const body = JSON.stringify({ id, messages: [message] })
  const response = await fetch(api, { method: 'POST', body })
  expect(await response.text()).toContain('"finish"')
}

async function texts({ api }: Served, id: string): Promise<string[]> {
  const body = await (await fetch(`${api}/${id}/messages`)).text()
  const messages: { parts: { text?: string }[] }[] = JSON.parse(body)
  return messages.map(({ parts }) => parts.map((part) => part.text ?? '').join(''))
}

/** The first character of each stored message. */
async function forms(id = 'c'): Promise<string[]> {
  const ids = await redis.client.lrange(`loom:{${id}}:history`, 0, -1)
  const stored = await redis.client.hmget(`loom:{${id}}:messages`, ...ids)
  return stored.map((message) => message?.charAt(0) ?? '')
}

const formatOf = (id: string) => redis.client.hget(`loom:{${id}}:session`, 'v')
const agreedKey = 'loom:{instances}:agreed'
const agreed = async () => (await redis.client.exists(agreedKey)) === 1

/** Waits until the instance knows the present agreement. Each heartbeat renews the TTL of its key. */
async function heard(): Promise<void> {
  for (let beats = 0; beats < 2; beats++) {
    await redis.client.persist(agreedKey)
    await until(5000, 'a heartbeat', async () => (await redis.client.pttl(agreedKey)) > 0)
  }
}

describe('a session in Redis', () => {
  it('takes at most 600 bytes for a message of 288 characters', async () => {
    const served = await open({ LOOM_ROLLBACK_TIME: '0' })
    await until(5000, 'the agreement', agreed)
    await heard()
    const turns = 60
    for (let at = 0; at < turns; at++) await turn(served)
    const keys = (await redis.client.keys('loom:{c}:*')).filter(
      (key) => !/\}:(?:reply|log):/.test(key),
    )
    const sizes = await Promise.all(
      keys.map((key) => redis.client.memory('USAGE', key, 'SAMPLES', 0)),
    )
    const bytes = sizes.reduce<number>((sum, size) => sum + Number(size), 0)
    expect(bytes / (2 * turns)).toBeLessThan(600)
    expect(await texts(served, 'c')).toEqual(Array.from({ length: 2 * turns }, () => text))
  })

  it('is in the form of version 0.1 while an instance of it lives', async () => {
    const register = 'loom:{instances}:register'
    await redis.client.zadd(register, Date.now() + 3_600_000, 'earlier')
    const served = await open({ LOOM_ROLLBACK_TIME: '0' })
    await turn(served)
    expect([await forms(), await formatOf('c')]).toEqual([['{', '{'], '1'])
    await redis.client.zrem(register, 'earlier')
    await until(5000, 'the agreement', agreed)
    await heard()
    await turn(served)
    expect([await forms(), await formatOf('c')]).toEqual([['{', '{', '[', '['], '3'])
    const body = JSON.stringify({ id: 'copy' })
    expect((await fetch(`${served.api}/c/fork`, { method: 'POST', body })).status).toBe(201)
    expect(await formatOf('copy')).toBe('3')
    await redis.client.zadd(register, Date.now() + 3_600_000, 'earlier')
    await until(5000, 'the end of the agreement', async () => !(await agreed()))
    await until(5000, 'the form of version 0.1', async () => {
      await turn(served, 'probe')
      return (await forms('probe')).at(-1) === '{'
    })
    await turn(served, 'copy')
    expect((await forms('copy')).slice(-2)).toEqual(['{', '{'])
    // The session still has compact messages.
    expect(await formatOf('copy')).toBe('3')
    expect(await texts(served, 'copy')).toEqual(Array.from({ length: 6 }, () => text))
  })

  it('is in the form of version 0.1 for a day after the last instance of it', async () => {
    const served = await open()
    const hour = 3_600_000
    for (const [hours, form] of [
      [23, '{'],
      [25, '['],
    ] as const) {
      await redis.client.set(agreedKey, Date.now() - hours * hour)
      await heard()
      await turn(served)
      expect((await forms()).at(-1), `after ${hours} hours`).toBe(form)
    }
  })
})
