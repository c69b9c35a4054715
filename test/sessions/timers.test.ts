/** Scheduled messages on real servers. Some servers die, freeze or have a wrong clock. */
import { randomUUID } from 'node:crypto'

import type { UIMessage } from 'ai'
import { describe, expect, it } from 'vitest'

import { fieldOf } from '../../src/ground/fields.ts'
import { busyness } from '../machine.ts'
import { until } from '../redis/until.ts'
import { heartbeatMs, openStage, type Stage } from './stage.ts'
import { messagesOf } from './tab.ts'

/** The clock of the second server is wrong by an hour. */
const wrongClock = `if (process.env.STAGE_API_KEY === 'instance-1') {
  const now = Date.now
  globalThis.Date = class extends Date {
    constructor(...given) { super(...(given.length === 0 ? [now() + 3_600_000] : given)) }
    static now() { return now() + 3_600_000 }
  }
}`
const environment = {
  NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(wrongClock)}`,
}

interface Timer {
  chatId: string
  id: string
}

/** A longer run by hand, within 60 s and with four deaths: `TIMERS=1000 npx vitest run test/sessions/timers.test.ts`. */
const count = Number(process.env['TIMERS'] ?? 100)
const runMs = count * 60
const deaths = Math.ceil(count / 250)

/** Adds timers of random delays in several sessions, at any of the servers. */
async function addTimers(
  stage: Stage,
  { sessions = count / 5, each = 5, withinMs = Math.max(3000, runMs) },
): Promise<Timer[]> {
  const timers = Array.from({ length: sessions }, () => randomUUID()).flatMap((chatId) =>
    Array.from({ length: each }, () => ({ chatId, id: randomUUID() })),
  )
  await Promise.all(
    timers.map(async ({ chatId, id }, index) => {
      const response = await fetch(
        `${stage.instance(index % 3).url}/api/chat/${chatId}/schedules`,
        {
          method: 'POST',
          body: JSON.stringify({ id, message: 'steps: 1', after: Math.random() * withinMs }),
        },
      )
      expect(response.status).toBe(201)
    }),
  )
  return timers
}

/** Waits until every session has all of its answers. Returns the lateness of each timer, the least first. */
async function latenessOf(
  stage: Stage,
  timers: readonly Timer[],
  reader: number,
): Promise<number[]> {
  const { url } = stage.instance(reader)
  const ids = [...new Set(timers.map(({ chatId }) => chatId))]
  const histories = new Map<string, UIMessage[]>()
  await until(30_000 + runMs, 'every timer has its answer', async () => {
    for (const chatId of ids) {
      const wanted = timers.filter((timer) => timer.chatId === chatId).length
      const messages = await messagesOf(url, chatId)
      histories.set(chatId, messages)
      if (messages.filter(({ role }) => role === 'assistant').length < wanted) return false
    }
    return true
  })
  const late: number[] = []
  for (const { chatId, id } of timers) {
    const delivered = (histories.get(chatId) ?? []).filter((message) => message.id === `${id}:0`)
    expect(delivered).toHaveLength(1)
    late.push(Number(fieldOf(fieldOf(delivered[0]?.metadata, 'schedule'), 'lateMs')))
  }
  for (const messages of histories.values()) {
    const roles = messages.map(({ role }) => role)
    expect(roles).toEqual(roles.map((_, index) => (index % 2 === 0 ? 'user' : 'assistant')))
  }
  return late.toSorted((a, b) => a - b)
}

/** The nearest-rank percentile of sorted values: at least 99 % of them are not greater. */
const p99 = (values: readonly number[]) => values[Math.ceil(values.length * 0.99) - 1] ?? Infinity

describe('timers on three servers, one with a wrong clock', () => {
  it('are each delivered once, within a second', async () => {
    await using stage = await openStage({ instances: 3, environment })
    const late = await latenessOf(stage, await addTimers(stage, {}), 0)
    expect(p99(late)).toBeLessThan(1000 * busyness())
    expect(stage.upstream.calls).toHaveLength(late.length)
    expect(await stage.redis.client.zcard('loom:{instances}:due')).toBe(0)
  })

  it('are each delivered once while servers die', async () => {
    await using stage = await openStage({ instances: 3, environment })
    const timers = await addTimers(stage, {})
    for (let death = 0; death < deaths; death++) {
      await until(30_000 + runMs, 'the next death', () => {
        return stage.upstream.calls.length >= (death * count) / deaths
      })
      if (death > 0) await stage.start(1)
      stage.instance(1).freeze()
      await stage.instance(0).kill()
      await stage.start(0)
      stage.instance(1).thaw()
      await stage.instance(1).kill()
    }
    const late = await latenessOf(stage, timers, 2)
    expect(p99(late)).toBeLessThan((1000 + heartbeatMs) * busyness())
  })

  it('that were missed by all servers are delivered late, once', async () => {
    await using stage = await openStage({ instances: 1 })
    const { url } = stage.instance(0)
    const chatId = randomUUID()
    await fetch(`${url}/api/chat/${chatId}/schedules`, {
      method: 'POST',
      body: JSON.stringify({ id: 'tick', message: 'steps: 1', every: 1000 }),
    })
    await until(10_000, 'the first tick', async () => (await messagesOf(url, chatId)).length >= 2)
    await stage.instance(0).kill()
    const time = await stage.redis.client.zscore('loom:{instances}:due', chatId)
    await until(10_000, 'three ticks are missed', async () => {
      const [seconds] = await stage.redis.client.time()
      return Number(seconds) * 1000 > Number(time) + 3000
    })
    const again = await stage.start(0)
    await until(10_000, 'the late tick', async () => {
      const messages = await messagesOf(again.url, chatId)
      return messages.some(({ metadata }) => {
        return Number(fieldOf(fieldOf(metadata, 'schedule'), 'missed')) >= 2
      })
    })
    await fetch(`${again.url}/api/chat/${chatId}/schedules/tick`, { method: 'DELETE' })
  })
})
