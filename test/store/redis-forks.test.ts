/** Forks in Redis share their messages with their origin, in segments that live as long as the last of them. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import type { Store } from '../../src/store.ts'
import { openRedisStore } from '../../src/store/redis.ts'
import { sharedFormat, storeFormat } from '../../src/store/redis/format.ts'
import { sessionKey } from '../../src/store/redis/keys.ts'
import type { RunningRedis } from '../redis/redis.ts'
import { startRedis } from '../redis/redis.ts'
import { converse, letter, said } from './conversation.ts'

const sessionTtlMs = 100_000
const day = 24 * 60 * 60 * 1000

let redis: RunningRedis
let store: Store
beforeAll(async () => {
  redis = await startRedis()
  store = await openRedisStore({ url: redis.url, sessionTtlMs })
})
afterAll(async () => {
  await store.close()
  await redis[Symbol.asyncDispose]()
})

const large = (id: string, size = 2000) =>
  letter(id, { message: said(id, 'user', `${id} `.padEnd(size, 'x')) })

/** A session with these large messages and their small answers. */
async function talkOf(ids: readonly string[], tenant = '', subject?: string) {
  const talk = converse(store)
  const author = subject === undefined ? { tenant } : { tenant, subject }
  for (const id of ids) await talk.turn(large(id), author)
  return talk
}

async function forkOf(id: string, options: { tenant?: string; subject?: string } = {}) {
  const copy = converse(store)
  expect(await store.fork(id, { newId: copy.id, tenant: '', ...options })).toBe(true)
  return copy
}

const textsOf = async (id: string) =>
  (await store.messages(id)).map(({ parts: [part] }) => (part?.type === 'text' ? part.text : ''))

const segments = async () => (await redis.client.keys('*:segment:*')).toSorted()

async function bytesUsed(): Promise<number> {
  const keys = (await redis.client.keys('*')).filter((key) => !key.includes(':reply:'))
  const sizes = await Promise.all(
    keys.map((key) => redis.client.memory('USAGE', key, 'SAMPLES', 0)),
  )
  return sizes.reduce<number>((sum, size) => sum + Number(size), 0)
}

describe('forks in Redis', () => {
  it('add less than 1 MB for 20 copies of 10 MB', async () => {
    const talk = converse(store)
    for (let at = 0; at < 50; at++) await talk.turn(large(`m${at}`, 200_000))
    const before = await bytesUsed()
    expect(before).toBeGreaterThan(10_000_000)
    const copies = []
    for (let at = 0; at < 20; at++) copies.push(await forkOf(talk.id))
    const added = (await bytesUsed()) - before
    expect(added).toBeLessThan(1_000_000)
    const texts = await textsOf(talk.id)
    expect(texts).toHaveLength(100)
    expect(await textsOf(copies.at(-1)?.id ?? '')).toEqual(texts)
    for (const { id } of [talk, ...copies]) await store.remove(id, { tenant: '' })
    expect(await bytesUsed()).toBeLessThan(100_000)
  })

  it('keep their history when the origin goes, until the last of them is deleted', async () => {
    const talk = await talkOf(['a', 'b'])
    const texts = await textsOf(talk.id)
    const first = await forkOf(talk.id)
    await first.turn(large('c'))
    const second = await forkOf(first.id)
    await store.remove(talk.id, { tenant: '' })
    expect(await textsOf(first.id)).toEqual(await textsOf(second.id))
    expect((await textsOf(second.id)).slice(0, 4)).toEqual(texts)
    await store.remove(first.id, { tenant: '' })
    expect((await textsOf(second.id)).slice(0, 4)).toEqual(texts)
    expect(await second.history()).toEqual(['a', 're-a', 'b', 're-b', 'c', 're-c'])
    expect(await segments()).toHaveLength(2)
    await store.remove(second.id, { tenant: '' })
    expect(await segments()).toEqual([])
  })

  it('differ after an edit on one side, and a branch keeps its messages', async () => {
    const talk = await talkOf(['a', 'b'])
    const copy = await forkOf(talk.id)
    const edited = said('b', 'user', 'edited '.repeat(300))
    await talk.turn(letter('e', { message: edited, cutAt: 'b' }))
    expect(await store.messages(talk.id)).toContainEqual(edited)
    expect(await store.messages(copy.id)).toContainEqual(large('b').message)
    const [branch] = await store.branches(talk.id)
    expect(branch?.messages).toContainEqual(large('b').message)
    const back = converse(store)
    await store.fork(talk.id, { newId: back.id, tenant: '', branch: branch?.number ?? 0 })
    expect(await store.messages(back.id)).toEqual(await store.messages(copy.id))
    expect((await store.context(copy.id)).messages).toEqual(await store.messages(copy.id))
    expect((await store.messagePage(copy.id, { limit: 2 }))?.messages).toHaveLength(2)
    for (const { id } of [talk, copy, back]) await store.remove(id, { tenant: '' })
    expect(await segments()).toEqual([])
  })

  it('are refused under a taken id, which keeps its messages', async () => {
    const talk = await talkOf(['a'])
    const copy = await forkOf(talk.id)
    expect(await store.fork(talk.id, { newId: copy.id, tenant: '' })).toBe(false)
    await store.remove(talk.id, { tenant: '' })
    expect(await store.messages(copy.id)).toContainEqual(large('a').message)
    await store.remove(copy.id, { tenant: '' })
  })

  it('of another subject stay when the origin is erased, and no text stays after the tenant', async () => {
    const tenant = 'erased'
    const talk = await talkOf(['a'], tenant, 'ada')
    const own = await forkOf(talk.id, { tenant, subject: 'ada' })
    const other = await forkOf(talk.id, { tenant, subject: 'bob' })
    const ada = { tenant, subject: 'ada' }
    const ids = await store.ownedSessions(ada)
    expect(ids.toSorted()).toEqual([talk.id, own.id].toSorted())
    expect(await store.erase(ids, ada)).toMatchObject({ left: 0 })
    expect(await store.ownedSessions(ada)).toEqual([])
    expect(await store.messages(other.id)).toContainEqual(large('a').message)
    await store.erase(await store.ownedSessions({ tenant }), { tenant })
    expect(await redis.client.keys(`*${tenant}*`)).toEqual([])
    expect(await segments()).toEqual([])
  })

  it('leave nothing after an erasure when the other session has expired', async () => {
    const tenant = 'expired'
    const talk = await talkOf(['a'], tenant)
    const copy = await forkOf(talk.id, { tenant })
    for (const { id } of [talk, copy]) await redis.client.unlink(sessionKey(id))
    const owned = await store.ownedSessions({ tenant })
    expect(owned).toEqual([talk.id])
    await store.erase(owned, { tenant })
    expect(await segments()).toEqual([])
  })

  it('live as long as the longest session, because a post renews their messages', async () => {
    const talk = await talkOf(['a'])
    const copy = await forkOf(talk.id)
    const [segment = ''] = await segments()
    const sharers = segment.replace(':segment:', ':sharers:')
    for (const key of [segment, sharers]) await redis.client.pexpire(key, 1000)
    await copy.turn(letter('b'))
    for (const key of [segment, sharers]) {
      await expect.poll(() => redis.client.pttl(key)).toBeGreaterThan(7 * day + sessionTtlMs)
    }
    for (const { id } of [talk, copy]) await store.remove(id, { tenant: '' })
  })

  it('are copies while an instance of an earlier version runs', async () => {
    const talk = await talkOf(['a'])
    await store.beat('this-version', 60_000)
    await redis.client.zadd('loom:{instances}:register', Date.now() + 60_000, 'earlier-version')
    const copied = await forkOf(talk.id)
    const formatOf = (id: string) => redis.client.hget(sessionKey(id), 'v')
    expect(await formatOf(copied.id)).toBe(String(storeFormat))
    expect(await segments()).toEqual([])
    await redis.client.zrem('loom:{instances}:register', 'earlier-version')
    const shared = await forkOf(talk.id)
    // An earlier version refuses these two.
    for (const { id } of [talk, shared]) expect(await formatOf(id)).toBe(String(sharedFormat))
    await shared.turn(letter('b'))
    expect(await formatOf(shared.id)).toBe(String(sharedFormat))
    for (const { id } of [talk, copied, shared]) await store.remove(id, { tenant: '' })
  })
})
