import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { openRedisStore } from '../../src/store/redis.ts'
import { sessionKeys } from '../../src/store/redis/keys.ts'
import type { RunningRedis } from '../redis/redis.ts'
import { startRedis } from '../redis/redis.ts'
import { storeContract } from './contract.ts'
import { answer, converse, entry, letter, regenerate, said } from './conversation.ts'
import { prefixSuite } from './prefix-suite.ts'
import { growTree, idOf, taskOf } from './tree.ts'

let redis: RunningRedis
beforeAll(async () => {
  redis = await startRedis()
})
afterAll(() => redis[Symbol.asyncDispose]())

const open = (options: { sessionTtlMs?: number } = {}) =>
  openRedisStore({ url: redis.url, ...options })

describe('the store in Redis', () => {
  storeContract((bounds) => openRedisStore({ url: redis.url, ...bounds }), { runs: 40 })

  prefixSuite({
    open: (prefix) => openRedisStore({ url: redis.url, prefix }),
    keys: async () => redis.client.keys('*'),
  })

  it('is shared by its instances', async () => {
    const [one, two] = await Promise.all([open(), open()])
    const [talk, other] = [converse(one), converse(two)]
    let hints = 0
    await two.watch(talk.id, 'log', () => (hints += 1))
    const claim = await talk.claim(letter('m1'))
    await talk.append(claim, 1)
    await expect.poll(() => hints, { interval: 5 }).toBe(2)
    expect(await two.readLog(talk.id, 're-m1', claim.lastId, 10)).toEqual({
      entries: [entry(claim.claim, 1)],
      finished: false,
      holdsAfter: true,
    })
    expect(await converse(two, talk.id).post(letter('m2'))).toMatchObject({ status: 'queued' })
    expect(other.id).not.toBe(talk.id)
    await Promise.all([one.close(), two.close()])
  })

  it('sends scripts again that the server lost', async () => {
    const store = await open()
    const talk = converse(store)
    const claim = await talk.claim(letter('m1'))
    await redis.client.script('FLUSH')
    expect(await talk.append(claim, 1)).toMatchObject({ status: 'appended' })
    await redis.client.script('FLUSH')
    expect(await talk.finish(claim)).toEqual({ status: 'done' })
    expect(await talk.history()).toEqual(['m1', 're-m1'])
    await store.close()
  })

  it('keeps a session until after its last schedule', async () => {
    const store = await open({ sessionTtlMs: 100_000 })
    const talk = converse(store)
    const schedule = { rule: { kind: 'once' as const }, letter: letter(''), createdAt: 0 }
    const owner = { tenant: '', agent: 'assistant', schedulesMax: 9 }
    const dueAt = (await store.time()) + 3_600_000
    await store.addSchedule(talk.id, { ...schedule, id: 'a', occurrence: 0, dueAt }, owner)
    await store.addSchedule(talk.id, { ...schedule, id: 'b', occurrence: 0, dueAt: 1 }, owner)
    await talk.turn(letter('m1'))
    const { session, schedules, history } = sessionKeys(talk.id)
    for (const key of [session, schedules, history]) {
      expect(await redis.client.pttl(key), key).toBeGreaterThan(3_600_000)
    }
    await store.removeSchedule(talk.id, 'a', { tenant: '' })
    for (const key of [session, schedules]) {
      expect(await redis.client.pttl(key), key).toBeLessThanOrEqual(100_000)
    }
  })

  it('leaves only marks with a TTL of a deleted tree', async () => {
    const store = await open({ sessionTtlMs: 100_000 })
    const talk = converse(store)
    await talk.turn(letter('m1'))
    await growTree(store, talk.id)
    await store.remove(talk.id, { tenant: '' })
    const removed = await store.removedTasks(talk.id)
    for (const id of removed) await store.remove(id, { tenant: '' })
    await store.forgetTasks(talk.id, removed)
    const ours = await redis.client.keys(`*${talk.id}*`)
    const kept = ours.filter((key) => !key.includes(':reply:'))
    const tasks = ['a', 'b', 'c'].map((name) => idOf(talk.id, name))
    const marks = [talk.id, ...tasks].map((id) => sessionKeys(id).session)
    expect(kept.toSorted()).toEqual(marks.toSorted())
    for (const key of ours) expect(await redis.client.pttl(key), key).toBeGreaterThan(0)
    for (const key of marks) expect(await redis.client.hget(key, 'state'), key).toBe('deleted')
    await store.close()
  })

  it('adds and ends a task in the same time, however many tasks wait', async () => {
    const store = await open()
    const limits = { unfinishedMax: 10_000, openMax: 4 }
    /** The least time of some calls that this Redis measured, in microseconds for each call. */
    const costOf = async (root: string, from: number) => {
      const costs = []
      for (let round = 0; round < 5; round++) {
        await redis.client.config('RESETSTAT')
        for (let at = 0; at < 10; at++) {
          const id = `${from + round * 10 + at}`
          await store.addTask(taskOf(root, id), limits)
          await store.endTask(idOf(root, `${from - 100 + round * 10 + at}`), limits)
        }
        const stats = await redis.client.info('commandstats')
        costs.push(Number(/cmdstat_evalsha:.*?usec_per_call=([\d.]+)/.exec(stats)?.[1]))
      }
      return Math.min(...costs)
    }
    const talk = converse(store)
    await talk.turn(letter('m1'))
    const add = async (from: number, to: number) => {
      const ids = Array.from({ length: to - from }, (_, at) => `${from + at}`)
      await Promise.all(ids.map((id) => store.addTask(taskOf(talk.id, id), limits)))
    }
    await add(0, 200)
    const few = await costOf(talk.id, 200)
    await add(250, 4000)
    const many = await costOf(talk.id, 4000)
    expect(many).toBeLessThan(few * 4)
    await store.close()
  })

  it('stores a message in at most 330 bytes more than its JSON', async () => {
    const store = await open()
    const talk = converse(store)
    const turns = 300
    const text = 'word '.repeat(58).slice(0, 288)
    let jsonBytes = 0
    for (let at = 0; at < turns; at++) {
      const [id, replyId] = [crypto.randomUUID(), crypto.randomUUID()]
      const message = said(id, 'user', text)
      const reply = said(replyId, 'assistant', text)
      jsonBytes += JSON.stringify([message, reply]).length - '[,]'.length
      const digest = '1TUPTKvYwM0F_KVAlRcb5L'
      const claim = await talk.claim(letter(id, { message, replyId, digest }))
      await talk.finish(claim, { message: reply })
    }
    const keys = (await redis.client.keys(`*${talk.id}*`)).filter(
      (key) => !/\}:(?:reply|log):/.test(key),
    )
    const sizes = await Promise.all(
      keys.map((key) => redis.client.memory('USAGE', key, 'SAMPLES', 0)),
    )
    const bytes = sizes.reduce<number>((sum, size) => sum + Number(size), 0)
    expect((bytes - jsonBytes) / (2 * turns)).toBeLessThan(330)
    await store.close()
  })

  it('keeps a root while a task of it is used', async () => {
    const store = await open({ sessionTtlMs: 100_000 })
    const talk = converse(store)
    const limits = { unfinishedMax: 9, openMax: 9 }
    await talk.turn(letter('m1'))
    await store.addTask(taskOf(talk.id, 'one'), limits)
    const { session, history, tasks } = sessionKeys(talk.id)
    const all = [session, history, tasks]
    const ttls = () => Promise.all(all.map((key) => redis.client.pttl(key)))
    // A task that has not ended may run for a long time.
    for (const ttl of await ttls()) expect(ttl).toBeGreaterThan(3_600_000)
    await store.endTask(idOf(talk.id, 'one'), limits)
    for (const ttl of await ttls()) expect(ttl).toBeLessThanOrEqual(100_000)
    const shorten = () => Promise.all(all.map((key) => redis.client.pexpire(key, 50_000)))
    await shorten()
    await converse(store, idOf(talk.id, 'one')).turn(letter('m1'))
    await expect.poll(async () => Math.min(...(await ttls()))).toBeGreaterThan(50_000)
    await shorten()
    await talk.turn(letter('m2'))
    expect(Math.min(...(await ttls()))).toBeGreaterThan(50_000)
    await store.close()
  })

  it('gives every key a TTL', async () => {
    const store = await open({ sessionTtlMs: 100_000 })
    const talk = converse(store)
    await talk.turn(letter('m0'))
    const first = await talk.claim(regenerate('r1', 're-m0'))
    await talk.append(first, 1)
    await talk.post(letter('m2'))
    await talk.post(letter('s1'), { whenBusy: 'steer' })
    await store.takeSteered({ sessionId: talk.id, claim: first.claim })
    await talk.finish(first, { state: 'waiting' })
    await talk.post(letter('m3'))
    await talk.post(answer('a1', 're-m2'))
    await store.addSchedule(
      talk.id,
      {
        id: 'tea',
        rule: { kind: 'once' },
        letter: letter(''),
        occurrence: 0,
        dueAt: 1000,
        createdAt: 1000,
      },
      { tenant: '', agent: 'assistant', schedulesMax: 1 },
    )
    await growTree(store, talk.id)
    await store.note('one', talk.id)
    await store.beat('one', 1000)
    await store.fork(talk.id, { newId: `${talk.id}!`, tenant: '' })
    await converse(store, `${talk.id}?`).claim(letter('m1'))
    await store.remove(`${talk.id}?`, { tenant: '' })
    const keys = await redis.client.keys('*')
    expect(Object.values(sessionKeys(talk.id)).filter((key) => !keys.includes(key))).toEqual([])
    const ends = await Promise.all(keys.map(async (key) => [key, await redis.client.pttl(key)]))
    expect(ends.filter(([, ms]) => Number(ms) === -1)).toEqual([])
    const ours = ends.filter(([key]) => String(key).includes(talk.id))
    expect(ours.length).toBeGreaterThan(20)
    expect(ours.filter(([, ms]) => Number(ms) > 24 * 60 * 60 * 1000)).toEqual([])
    await store.close()
  })

  it('keeps all keys of a session on one node', () => {
    const ids = ['a', '}', '{}', '{', 'a}b{c', '']
    for (const id of ids) {
      const tags = Object.values(sessionKeys(id)).map((key) => /\{(.*?)\}/.exec(key)?.[1])
      expect(new Set(tags).size).toBe(1)
      expect(tags[0]).not.toBe('')
      // A task is on the node of its root, under other names.
      const keys = Object.values(sessionKeys(idOf(id, 'one')))
      expect(keys.map((key) => /\{(.*?)\}/.exec(key)?.[1])).toEqual(tags)
      expect(keys.filter((key) => Object.values(sessionKeys(id)).includes(key))).toEqual([])
    }
  })

  it('drops a session after its TTL', async () => {
    const store = await open({ sessionTtlMs: 30 })
    const talk = converse(store)
    await talk.turn(letter('m1'), { tenant: 'short' })
    await expect.poll(() => store.session(talk.id), { interval: 5 }).toBeUndefined()
    expect(await store.list('short', { limit: 10 })).toEqual({ sessions: [] })
    expect(await talk.post(letter('m1'))).toMatchObject({ status: 'claimed' })
    await store.close()
  })

  it('keeps running sessions and the register longer than idle sessions', async () => {
    const store = await open({ sessionTtlMs: 30 })
    const talk = converse(store)
    await store.beat('short', 60_000)
    await store.note('short', talk.id)
    const claim = await talk.claim(letter('m1'))
    await talk.post(letter('m2'))
    const keys = [...(await redis.client.keys(`loom:{${talk.id}}:*`)), 'loom:{instances}:register']
    for (const key of keys.filter((key) => !key.includes(':reply:'))) {
      expect(await redis.client.pttl(key), key).toBeGreaterThan(60_000)
    }
    expect(await store.noted('short')).toEqual([talk.id])
    const next = await talk.finish(claim)
    if (next.status !== 'done' || next.next === undefined) throw new Error('nothing followed')
    await talk.finish(next.next)
    await expect.poll(() => store.session(talk.id), { interval: 5 }).toBeUndefined()
    await store.close()
  })

  it('accepts the entries that a failover lost again', async () => {
    const store = await open()
    const talk = converse(store)
    const { session, live } = sessionKeys(talk.id)
    const claim = await talk.claim(letter('m1'))
    await talk.append(claim, 1)
    const before = await Promise.all([session, live].map((key) => redis.client.dumpBuffer(key)))
    for (const seq of [2, 3]) await talk.append(claim, seq)
    // A replica that lags has earlier values of both keys.
    await redis.client.restore(session, 60_000, before[0] ?? '', 'REPLACE')
    await redis.client.restore(live, 60_000, before[1] ?? '', 'REPLACE')
    expect(await talk.append(claim, 4)).toEqual({ status: 'behind', lastId: `${claim.claim}-1` })
    for (const seq of [2, 3, 4]) {
      expect(await talk.append(claim, seq)).toMatchObject({ status: 'appended' })
    }
    const page = await store.readLog(talk.id, 're-m1', claim.lastId, 10)
    expect(page?.entries).toEqual([1, 2, 3, 4].map((seq) => entry(claim.claim, seq)))
    await store.close()
  })

  it('locks out a stale owner if the log is gone', async () => {
    const store = await open()
    const talk = converse(store)
    const { live } = sessionKeys(talk.id)
    const claim = await talk.claim(letter('m1'))
    await talk.append(claim, 1)
    const options = { instance: 'two', handOver: false }
    const successor = await store.takeOver(talk.id, claim.claim, options)
    if (successor === undefined) throw new Error('nothing was taken over')
    await redis.client.xtrim(live, 'MAXLEN', 0)
    expect(await talk.append(claim, 2)).toEqual({ status: 'lost' })
    expect(await talk.append(successor, 1)).toMatchObject({ status: 'appended' })
    await redis.client.del(live)
    expect(await talk.append(claim, 2)).toEqual({ status: 'lost' })
    // If a log is gone, its turn is lost. An append never makes a new log.
    expect(await talk.append(successor, 2)).toEqual({ status: 'lost' })
    expect(await redis.client.exists(live)).toBe(0)
    await store.close()
  })

  it('counts a profile of another version as the lowest', async () => {
    const store = await open()
    const talk = converse(store)
    const { session } = sessionKeys(talk.id)
    await talk.claim(letter('m1'))
    const floor = async () => (await store.session(talk.id))?.turn?.floor
    await store.noteReader(talk.id, 're-m1', 'v7')
    expect(await redis.client.hget(session, 'floor')).toBe('v7')
    await redis.client.hset(session, 'floor', 'v10')
    expect(await floor()).toBe('any')
    await store.noteReader(talk.id, 're-m1', 'v7')
    expect(await redis.client.hget(session, 'floor')).toBe('any')
    await store.close()
  })

  it('reads a letter of another version that has no request', async () => {
    const store = await open()
    const talk = converse(store)
    const { claim } = await talk.claim(letter('m1'))
    const stored = JSON.stringify({
      id: 'm1',
      kind: 'message',
      replyId: 're-m1',
      answer: 'no list',
    })
    await redis.client.hset(sessionKeys(talk.id).session, 'letter', stored)
    const options = { instance: 'two', handOver: false }
    const taken = await store.takeOver(talk.id, claim, options)
    expect(taken?.letter).toMatchObject({ id: 'm1', request: { agent: '' } })
    expect(taken?.letter).not.toHaveProperty('answer')
    await store.close()
  })

  it('ends running calls when it is closed', async () => {
    const store = await open()
    const talk = converse(store)
    const claim = await talk.claim(letter('m1'))
    await redis.client.call('client', 'pause', 200, 'ALL')
    const calls = [talk.append(claim, 1), talk.post(letter('m2')), store.session(talk.id)]
    const ends = Promise.allSettled(calls)
    await new Promise(setImmediate)
    await store.close()
    expect((await ends).map((end) => end.status === 'rejected' && end.reason)).toEqual(
      calls.map(() => expect.objectContaining({ code: 'unavailable' })),
    )
    await expect(store.session(talk.id)).rejects.toMatchObject({ code: 'unavailable' })
    await redis.client.call('client', 'unpause')
  })
})
