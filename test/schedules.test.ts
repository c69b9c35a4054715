import type { UIMessage } from 'ai'
import type { Hono } from 'hono'
/** Scheduled messages, over HTTP and in code: times, delivery, limits and owners. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'

import { fieldOf } from '../src/ground/fields.ts'
import { defineAgent, Loom, openMemoryStore, sessionRoutes, type Store } from '../src/index.ts'
import { busyness } from './machine.ts'
import { until } from './redis/until.ts'

let wallTime = Date.parse('2026-11-29T12:00:00Z')
let loom: Loom
let app: Hono

const echo = defineAgent<{ city?: string } | undefined>({
  name: 'echo',
  systemPrompt: (context) => `Answer for ${context?.city ?? 'nowhere'}.`,
  model: 'demo/echo',
})

const open = (
  options: { city?: string; now?: () => number; heartbeatMs?: number; store?: Store } = {},
) => {
  loom = new Loom({
    agents: [echo],
    store: options.store ?? openMemoryStore({ now: options.now ?? (() => wallTime) }),
    heartbeatMs: options.heartbeatMs ?? 300,
  })
  app = sessionRoutes(loom, {
    principalOf: (c) => c.req.header('x-user') ?? '',
    ...(options.city !== undefined && { contextOf: () => ({ city: options.city }) }),
  })
}

beforeEach(() => open())
afterEach(() => loom.close())

const call = async (method: string, path: string, body?: unknown, user = '') => {
  const response = await app.request(`/chat/${path}`, {
    method,
    headers: {
      'content-type': 'application/json',
      accept: 'application/json',
      ...(user !== '' && { 'x-user': user }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  })
  const text = await response.text()
  return { status: response.status, body: text === '' ? undefined : JSON.parse(text) }
}

const messagesOf = async (id: string): Promise<UIMessage[]> =>
  (await call('GET', `${id}/messages`)).body

const untilMessages = async (id: string, count: number) => {
  await until(8000, `${count} messages`, async () => (await messagesOf(id)).length === count)
  return messagesOf(id)
}

describe('a scheduled message', () => {
  it('is delivered once at its time, and gets an answer', async () => {
    const added = await call('POST', 'one/schedules', { id: 'tea', message: 'Tea!', after: 60_000 })
    expect(added).toMatchObject({
      status: 201,
      body: { id: 'tea', occurrence: 0, dueAt: wallTime + 60_000, agent: 'echo' },
    })
    expect(await messagesOf('one')).toEqual([])
    wallTime += 60_500
    const [asked, answer] = await untilMessages('one', 2)
    expect(asked).toMatchObject({
      id: 'tea:0',
      parts: [{ type: 'text', text: 'Tea!' }],
      metadata: { schedule: { id: 'tea', occurrence: 0, lateMs: 500 } },
    })
    expect(answer?.role).toBe('assistant')
    expect(await call('GET', 'one/schedules')).toEqual({ status: 200, body: { schedules: [] } })
    expect((await call('GET', 'one')).body).not.toHaveProperty('nextDueAt')
  })

  it('that was missed is delivered once, and says so', async () => {
    await call('POST', 'one/schedules', { id: 'tick', message: 'Tick.', every: 60_000 })
    wallTime += 10 * 60_000 + 5000
    const [asked] = await untilMessages('one', 2)
    expect(JSON.stringify(asked?.parts)).toMatch(
      /\(This message was due at 2026-.*Z, and is 545 seconds late\. It stands for 9 later occurrences too, which were missed\.\)/,
    )
    expect(asked?.metadata).toMatchObject({ schedule: { missed: 9 } })
    expect((await call('GET', 'one/schedules')).body.schedules).toMatchObject([
      { id: 'tick', occurrence: 1, every: 60_000 },
    ])
    wallTime += 60_000
    expect((await untilMessages('one', 4))[2]).toMatchObject({ id: 'tick:1' })
  })

  it('is on time after another one of its session', async () => {
    await loom.close()
    open({ now: Date.now, heartbeatMs: 10_000 })
    for (const after of [500, 350, 200]) {
      await call('POST', 'one/schedules', { message: 'Now.', after })
    }
    const messages = await untilMessages('one', 6)
    const late = messages
      .filter(({ role }) => role === 'user')
      .map(({ metadata }) => Number(fieldOf(fieldOf(metadata, 'schedule'), 'lateMs')))
    expect(Math.max(...late)).toBeLessThan(500 * busyness())
  })

  it('waits while a turn runs', async () => {
    const session = loom.startAgent('echo', 'one')
    const [first] = await Promise.all([
      session.send('a b c d e f g h'),
      session.sendAfter(0, 'Later'),
    ])
    await first.reply()
    const messages = await untilMessages('one', 4)
    expect(messages.map(({ role }) => role)).toEqual(['user', 'assistant', 'user', 'assistant'])
  })

  it('comes with its context and that of the server', async () => {
    await loom.close()
    open({ city: 'Bern' })
    await call('POST', 'one/schedules', { message: 'Where?', after: 0, context: { city: 'Rome' } })
    await untilMessages('one', 2)
    const { body } = await call('GET', 'one/prompt')
    expect(JSON.stringify(body)).toContain('Answer for Bern.')
  })
})

describe('a schedule', () => {
  it('is added once if the request is repeated', async () => {
    const tea = { id: 'tea', message: 'Tea!', cron: '0 9 * * 1', timeZone: 'Europe/Berlin' }
    const first = await call('POST', 'one/schedules', tea)
    expect(first.status).toBe(201)
    expect(first.body).toMatchObject({
      cron: '0 9 * * 1',
      timeZone: 'Europe/Berlin',
      dueAt: Date.parse('2026-11-30T08:00:00Z'),
    })
    expect(await call('POST', 'one/schedules', tea)).toEqual({ status: 200, body: first.body })
    expect(await call('POST', 'one/schedules', { ...tea, message: 'Milk!' })).toMatchObject({
      status: 409,
      body: { error: { code: 'refused' } },
    })
    expect((await call('GET', 'one/schedules')).body.schedules).toHaveLength(1)
  })

  it('is removed, and its id is not used again after a delivery', async () => {
    await call('POST', 'one/schedules', { id: 'tea', message: 'Tea!', every: 60_000 })
    expect((await call('DELETE', 'one/schedules/tea')).status).toBe(204)
    expect((await call('DELETE', 'one/schedules/tea')).status).toBe(404)
    await call('POST', 'one/schedules', { id: 'now', message: 'Now.', after: 0 })
    await untilMessages('one', 2)
    const again = await call('POST', 'one/schedules', { id: 'now', message: 'Now.', after: 0 })
    expect(again).toMatchObject({ status: 409, body: { error: { code: 'refused' } } })
  })

  it('belongs to its principal', async () => {
    const tea = { id: 'tea', message: 'Tea!', after: 60_000 }
    expect((await call('POST', 'one/schedules', tea, 'ada')).status).toBe(201)
    expect((await call('GET', 'one/schedules', undefined, 'eve')).status).toBe(404)
    expect((await call('DELETE', 'one/schedules/tea', undefined, 'eve')).status).toBe(404)
    expect((await call('GET', 'one/schedules', undefined, 'ada')).body.schedules).toHaveLength(1)
  })

  it('is delivered also if others look for it before the store has it', async () => {
    await loom.close()
    const store = openMemoryStore({ now: () => wallTime })
    let looks = 0
    open({
      store: {
        ...store,
        takeDue: (portion) => {
          looks += 1
          return store.takeDue(portion)
        },
        // As an instance that is frozen or cut off here.
        async addSchedule(...schedule) {
          const before = looks
          await until(5000, 'two looks', async () => looks >= before + 2)
          return store.addSchedule(...schedule)
        },
      },
    })
    expect((await call('POST', 'one/schedules', { message: 'Tea!', after: 0 })).status).toBe(201)
    await untilMessages('one', 2)
  })

  it('leaves no time behind when it is removed, or its session', async () => {
    await loom.close()
    const store = openMemoryStore({ now: () => wallTime })
    open({ store })
    for (const id of ['one', 'two']) {
      await call('POST', `${id}/schedules`, { id: 'tea', message: 'Tea!', after: 3_600_000 })
    }
    expect((await call('DELETE', 'one/schedules/tea')).status).toBe(204)
    expect((await call('DELETE', 'two')).status).toBe(204)
    const nextAt = async () => (await store.takeDue({ limit: 0, leaseMs: 1 })).nextAt
    await until(5000, 'no time', async () => (await nextAt()) === undefined)
  })

  it('ends with its session', async () => {
    await call('POST', 'one/schedules', { message: 'Tea!', after: 60_000 })
    expect((await call('DELETE', 'one')).status).toBe(204)
    wallTime += 120_000
    await call('POST', 'two/schedules', { message: 'Two.', after: 0 })
    await untilMessages('two', 2)
    expect(await messagesOf('one')).toEqual([])
  })

  it('is one of at most 100 in its session', async () => {
    const session = loom.startAgent('echo', 'one')
    for (let index = 0; index < 100; index++) await session.sendAfter(60_000, `${index}`)
    await expect(session.sendAfter(60_000, 'more')).rejects.toMatchObject({ code: 'mailbox-full' })
    expect(await session.schedules()).toHaveLength(100)
    await session.unschedule((await session.schedules())[0]?.id ?? '')
    expect(await session.schedules()).toHaveLength(99)
    await expect(session.unschedule('none')).rejects.toMatchObject({ code: 'not-found' })
  })

  const faults: [body: object, text: RegExp][] = [
    [{ message: 'Hi' }, /exactly one of at, after, every and cron/],
    [{ message: 'Hi', after: 1, every: 5000 }, /exactly one of/],
    [{ after: 1 }, /^message: must be a text, or an object of a user message/],
    [{ message: 7, after: 1 }, /^message: must be a text/],
    [{ message: 'Hi', after: -1 }, /after is a number of milliseconds from 0/],
    [{ message: 'Hi', after: '5' }, /after is a number/],
    [{ message: 'Hi', every: 10 }, /every is a number of milliseconds from 1000/],
    [{ message: 'Hi', at: 'tomorrow' }, /ISO 8601/],
    [{ message: 'Hi', at: '2027-01-01T00:00' }, /with a time zone/],
    [{ message: 'Hi', at: '9999-01-01T00:00:00Z' }, /next ten years/],
    [{ message: 'Hi', at: '2027-02-30T09:00:00Z' }, /ISO 8601/],
    [{ message: 'Hi', cron: '* * *' }, /five fields/],
    [{ message: 'Hi', cron: '99 * * * *' }, /cron cannot be read: .*99/],
    [{ message: 'Hi', cron: '0 9 * * FRI-MON' }, /a range ends before it begins: .* two ranges/],
    [{ message: 'Hi', cron: '0 9 * * 1', timeZone: 'Mars/Base' }, /name of a time zone/],
    [{ message: 'Hi', cron: '0 0 30 2 *' }, /no occurrence: .*day and month/],
    [{ message: 'Hi', after: 1, timeZone: 'UTC' }, /timeZone belongs to cron/],
    [{ message: 'Hi', afer: 1 }, /unknown field "afer"/],
    [{ message: { role: 'assistant', parts: [] }, after: 1 }, /user|message/],
    [
      { message: { role: 'assistant', parts: [{ type: 'text', text: 'I did' }] }, after: 1 },
      /user/,
    ],
    [{ message: '', after: 1 }, /^message: must be a text/],
    [{ message: 'Hi', after: 1, id: '' }, /id/],
    [{ message: 'Hi', after: 1, context: 5 }, /context/],
  ]
  it.each(faults)('refuses %j', async (body, text) => {
    const { status, body: reply } = await call('POST', 'one/schedules', body)
    expect(status).toBe(400)
    expect(reply).toMatchObject({ error: { code: 'invalid-request' } })
    expect(reply.error.message).toMatch(text)
    expect((await call('GET', 'one')).status).toBe(404)
  })
})
