/** The tables of `src/store/README.md` describe the data of a real Redis: no more, and no less. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import type { Spending } from '../../src/spending.ts'
import type { Store } from '../../src/store.ts'
import { openRedisStore } from '../../src/store/redis.ts'
import { signatures } from '../../src/store/redis/signature.ts'
import type { RunningRedis } from '../redis/redis.ts'
import { startRedis } from '../redis/redis.ts'
import { converse, letter, nextOf, regenerate, said } from './conversation.ts'
import { growTree, idOf } from './tree.ts'

const readme = readFileSync(join(import.meta.dirname, '../../src/store/README.md'), 'utf8')

/** The rows of all tables whose first column has this name, by the names of their columns. */
function rowsOf(first: string): Record<string, string>[] {
  const tables = readme.split('\n\n').filter((block) => block.startsWith(`| ${first} |`))
  return tables.flatMap((table) => {
    const [head = [], , ...rows] = table.split('\n').map((line) => line.slice(2, -2).split(' | '))
    return rows.map((cells) => Object.fromEntries(head.map((name, at) => [name, cells[at] ?? ''])))
  })
}

/** The keys of a task are named as those of a root. */
const asRoot = (key: string) => key.replace(/\}~[0-9a-z]{26}:/, '}:')

const quoted = (cell = '') => [...cell.matchAll(/`([^`]+)`/g)].map(([, text = '']) => text)

const minute = 60_000
const day = 24 * 60 * minute
const ttls: Record<string, number> = {
  'session TTL': 2 * day,
  'log TTL': 5 * minute,
  'reply TTL': 10 * minute,
  'segment TTL': 11 * day,
  '1 year': 365 * day,
  '30 days': 30 * day,
  '10 minutes': 10 * minute,
}
const logTtlMs = ttls['log TTL'] ?? 0

/** A pattern whose `<names>` stand for any text. The one for an agent is more exact than that for an instance. */
const matches = (pattern: string, key: string) =>
  new RegExp(`^${pattern.replaceAll(/[{}]/g, '\\$&').replaceAll(/<[^>]+>/g, '[^:{}]*')}$`).test(key)

const spent: Spending = {
  usage: {
    inputTokens: 5,
    outputTokens: 4,
    totalTokens: 9,
    cachedInputTokens: 3,
    reasoningTokens: 2,
  },
  usd: 0.25,
  isCostKnown: false,
}

/** A session with a queue, a summary, a branch, a log that a new message abandoned, and a turn that runs. */
async function openTalk(store: Store) {
  const talk = converse(store)
  const long = said('m1', 'user', 'long '.repeat(200))
  await talk.finish(await talk.claim(letter('m1', { message: long })), { logTtlMs })
  const first = await talk.claim(regenerate('r1', 're-m1'))
  await talk.append(first, 1)
  await talk.post(letter('s1'), { whenBusy: 'steer' })
  await store.takeSteered({ sessionId: talk.id, claim: first.claim })
  const summary = { text: 'So far.', through: 'm1', tokens: 2 }
  await store.saveSummary({ sessionId: talk.id, claim: first.claim }, summary)
  await talk.post(letter('m2', { context: { user: 'ada' } }))
  const second = nextOf(await talk.finish(first, { state: 'waiting', spent, logTtlMs }))
  await store.noteReader(talk.id, second.logId, 'v6')
  await talk.append(second, 1)
  await talk.post(letter('m3'))
  await talk.post(letter('m4'))
  await store.withdraw(talk.id, 'm4', { tenant: '' })
  await store.requestStop(talk.id, { tenant: '', queue: 'hold' })
  await store.takeOver(talk.id, second.claim, { instance: 'two', handOver: false })
  return talk
}

/** A session whose turns have all ended: with a settled log, a hold that ended, and costs. */
async function endedTalk(store: Store) {
  const talk = converse(store)
  await talk.finish(await talk.claim(letter('m1'), { subject: 'ada' }), { state: 'waiting' })
  await store.setMembers(talk.id, [{ subject: 'bob', role: 'reader' }], { tenant: '' })
  const second = await talk.claim(letter('m2'))
  await store.settleAbandoned(
    { sessionId: talk.id, claim: second.claim, logId: 're-m1' },
    { message: said('re-m1', 'assistant'), logTtlMs },
  )
  await talk.post(letter('m3'))
  await store.requestStop(talk.id, { tenant: '', queue: 'hold' })
  await talk.finish(second, { spent, logTtlMs })
  const { next } = await store.runQueue(talk.id, { tenant: '', instance: 'one' })
  if (next === undefined) throw new Error('the queue began no turn')
  await talk.finish(next, { logTtlMs })
  return talk
}

/** Two schedules: one advances, and the other is removed. */
async function schedules(store: Store, sessionId: string) {
  const owner = { tenant: '', agent: 'assistant', schedulesMax: 10 }
  const schedule = { letter: letter(''), occurrence: 0, dueAt: 1000, createdAt: 1000 }
  for (const id of ['tea', 'milk']) {
    await store.noteDue(sessionId, 1000)
    await store.addSchedule(sessionId, { ...schedule, id, rule: { kind: 'once' } }, owner)
  }
  const next = { occurrence: 1, dueAt: 2000 }
  await store.advanceSchedule(sessionId, { id: 'tea', occurrence: 0 }, next)
  await store.removeSchedule(sessionId, 'milk', { tenant: '' })
  const { leasedUntil } = await store.takeDue({ limit: 10, leaseMs: 1000 })
  await store.settleDue(sessionId, leasedUntil, 2000)
}

async function instances(store: Store, sessionId: string) {
  for (const instance of ['one', 'two']) {
    await store.beat(instance, 60_000)
    await store.note(instance, `${sessionId}-${instance}`)
  }
  await store.note('one', sessionId)
  await store.pass(sessionId, { from: 'one', agent: 'poet' })
  await store.leave('two')
}

describe('the README of the store', () => {
  let redis: RunningRedis
  let store: Store
  let keys: string[]
  beforeAll(async () => {
    redis = await startRedis()
    store = await openRedisStore({
      url: redis.url,
      sessionTtlMs: ttls['session TTL'] ?? 0,
      replyTtlMs: ttls['reply TTL'] ?? 0,
    })
    const talk = await openTalk(store)
    await endedTalk(store)
    await store.fork(talk.id, { newId: 'the-fork', tenant: '' })
    await store.noteFileBytes(talk.id, 10)
    await schedules(store, talk.id)
    await growTree(store, talk.id)
    const task = converse(store, idOf(talk.id, 'e'))
    await task.finish(await task.claim(letter('m1')), { spent, logTtlMs })
    const deleted = converse(store)
    await deleted.claim(letter('m1'))
    await store.remove(deleted.id, { tenant: '' })
    await instances(store, talk.id)
    const status = { version: '1.0.0', startedAt: 1, turns: 0, readers: 0, isDraining: false }
    await store.reportStatus('one', status, 60_000)
    await store.askToDrain('one')
    await store.noteAudit('acme', { action: 'stop', by: {} })
    await store.watch(talk.id, 'log', () => {})
    await store.watch(talk.id, 'intents', () => {})
    await store.watchInstances(() => {})
    keys = await redis.client.keys('*')
  })
  afterAll(async () => {
    await store.close()
    await redis[Symbol.asyncDispose]()
  })

  const rows = rowsOf('key').map((row) => ({ row, pattern: quoted(row['key'])[0] ?? '' }))
  const rowOf = (key: string) => rows.filter(({ pattern }) => matches(pattern, asRoot(key)))

  it('has one row for every key in Redis', () => {
    expect(keys.filter((key) => rowOf(key).length !== 1)).toEqual([])
  })

  it('has no row without a key in Redis', () => {
    expect(rows.length).toBeGreaterThan(10)
    const unused = rows.filter(({ pattern }) => !keys.some((key) => matches(pattern, asRoot(key))))
    expect(unused).toEqual([])
  })

  it('names the type and the TTL of every key', async () => {
    for (const key of keys) {
      const { type, TTL: ttl = '' } = rowOf(key)[0]?.row ?? {}
      expect(await redis.client.type(key), key).toBe(type)
      const left = await redis.client.pttl(key)
      expect(left, key).toBeLessThanOrEqual(ttls[ttl] ?? 0)
      expect(left, key).toBeGreaterThan((ttls[ttl] ?? 0) - 2 * minute)
    }
  })

  it('names every field of a session and no other', async () => {
    const sessions = keys.filter((key) => key.endsWith('}:session'))
    const fields = await Promise.all(sessions.map((key) => redis.client.hkeys(key)))
    const documented = rowsOf('fields').flatMap((row) => quoted(row['fields']))
    expect(documented.toSorted()).toEqual([...new Set(fields.flat())].toSorted())
  })

  it('names only scripts that take the key', () => {
    const takenBy = new Map<string, readonly string[]>(
      Object.entries(signatures).map(([name, { keys }]) => [name, keys]),
    )
    for (const { row, pattern } of rows) {
      const last = pattern.replaceAll(/:<[^>]+>|:agent/g, '').replace(/^.*:/, '')
      const ofRoot = `root${last.charAt(0).toUpperCase()}${last.slice(1)}`
      const names = last === 'noted' ? ['noted', 'from', 'to', 'waiting'] : [last, ofRoot]
      const scripts = quoted(row['written by'])
      expect(scripts.length, pattern).toBeGreaterThan(0)
      for (const script of scripts) {
        const taken = takenBy.get(script) ?? []
        expect(
          taken.some((name) => names.includes(name)),
          `${script} ${pattern}`,
        ).toBe(true)
      }
    }
  })

  it('names every channel and no other', async () => {
    const channels: unknown = await redis.client.call('pubsub', 'shardchannels')
    const open = Array.isArray(channels) ? channels.map(String) : []
    const patterns = rowsOf('channel').flatMap((row) => quoted(row['channel']))
    expect(patterns.filter((each) => !open.some((name) => matches(each, name)))).toEqual([])
    expect(open.filter((name) => !patterns.some((each) => matches(each, name)))).toEqual([])
  })
})
