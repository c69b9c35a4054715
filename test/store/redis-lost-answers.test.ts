/** A connection breaks after a command was sent. The store sends the command again, and changes nothing twice. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import type { Store } from '../../src/store.ts'
import { openRedisStore } from '../../src/store/redis.ts'
import { loadScripts } from '../../src/store/redis/script.ts'
import type { ScriptName } from '../../src/store/redis/signature.ts'
import { noUsage } from '../../src/usage.ts'
import { startProxy } from '../redis/proxy.ts'
import type { CutMoment, RedisProxy } from '../redis/proxy.ts'
import { startRedis } from '../redis/redis.ts'
import type { RunningRedis } from '../redis/redis.ts'
import { converse, entry, letter, nextOf, said } from './conversation.ts'
import { idOf, taskOf } from './tree.ts'

const moments: CutMoment[] = ['before it runs', 'before its reply']

/** The text of the key under which the reply of this call is stored; its command contains it. */
const replyOf = (sessionId: string, script: ScriptName) => `{${sessionId}}:reply:${script}:`

/**
 * A Redis behind a proxy. It has all scripts: if it had to ask for the text of one, the cut would hit this
 * question and not the call.
 */
async function openCutStore() {
  const redis = await startRedis()
  for (const { text } of Object.values(loadScripts())) await redis.client.script('LOAD', text)
  const proxy = await startProxy(redis.port)
  return { redis, proxy, store: await openRedisStore({ url: proxy.url }) }
}

async function closeCutStore(
  { redis, proxy, store }: Awaited<ReturnType<typeof openCutStore>>,
  ...others: Store[]
) {
  for (const each of [store, ...others]) await each.close()
  await proxy[Symbol.asyncDispose]()
  await redis[Symbol.asyncDispose]()
}

describe.each(moments)('a command whose connection breaks %s', (moment) => {
  let opened: Awaited<ReturnType<typeof openCutStore>>
  let redis: RunningRedis
  let proxy: RedisProxy
  let store: Store
  beforeAll(async () => {
    opened = await openCutStore()
    ;({ redis, proxy, store } = opened)
  })
  afterAll(() => closeCutStore(opened))

  /** Makes the call whose command contains the text, over a connection that breaks. */
  async function broken<REPLY>(text: string, call: () => Promise<REPLY>): Promise<REPLY> {
    const before = proxy.cuts()
    proxy.cut(text, moment)
    const reply = await call()
    expect(proxy.cuts()).toBe(before + 1)
    return reply
  }

  it('adds, ends and removes a task once', async () => {
    const talk = converse(store)
    await talk.turn(letter('m1'))
    const limits = { unfinishedMax: 9, openMax: 1 }
    const add = (name: string) => store.addTask(taskOf(talk.id, name), limits)
    const added = await broken(replyOf(talk.id, 'add-task'), () => add('a'))
    expect(added).toEqual({ status: 'added', state: 'open' })
    for (const name of ['b', 'c']) await add(name)
    const ended = await broken(replyOf(talk.id, 'end-task'), () =>
      store.endTask(idOf(talk.id, 'a'), limits),
    )
    expect(ended).toEqual({ isNew: true, next: [idOf(talk.id, 'b')] })
    await broken(replyOf(talk.id, 'remove-task'), () => store.removeTask(idOf(talk.id, 'c')))
    expect((await store.tasks(talk.id)).map(({ state }) => state)).toEqual(['ended', 'open'])
    expect(await store.removedTasks(talk.id)).toEqual([idOf(talk.id, 'c')])
  })

  it('adds, advances and removes a schedule once', async () => {
    const talk = converse(store)
    const owner = { tenant: '', agent: 'assistant', schedulesMax: 9 }
    const tea = {
      id: 'tea',
      rule: { kind: 'every' as const, everyMs: 1000 },
      letter: letter(''),
      occurrence: 0,
      dueAt: 1000,
      createdAt: 1000,
    }
    const added = await broken(replyOf(talk.id, 'add-schedule'), () =>
      store.addSchedule(talk.id, tea, owner),
    )
    expect(added).toBe('added')
    const next = { occurrence: 1, dueAt: 2000 }
    const advanced = await broken(replyOf(talk.id, 'advance-schedule'), () =>
      store.advanceSchedule(talk.id, { id: 'tea', occurrence: 0 }, next),
    )
    expect(advanced).toBe(true)
    expect(await store.schedules(talk.id)).toEqual([{ ...tea, ...next }])
    const removed = await broken(replyOf(talk.id, 'remove-schedule'), () =>
      store.removeSchedule(talk.id, 'tea', { tenant: '' }),
    )
    expect(removed).toBe(true)
  })

  it('has its effect once and gets its first reply', async () => {
    const talk = converse(store)
    const at = { sessionId: talk.id, instance: 'one' }
    const marker = (script: ScriptName) => replyOf(talk.id, script)
    const post = (id: string, options = {}) =>
      broken(marker('post'), () => talk.post(letter(id), options))
    const first = await post('m1')
    if (first.status !== 'claimed') throw new Error(first.status)
    const { claim } = first.claim
    expect(await post('m2')).toEqual({ status: 'queued', position: 0, steered: false })
    expect(await post('s1', { whenBusy: 'steer' })).toMatchObject({ steered: true })
    expect(await post('m3')).toEqual({ status: 'queued', position: 2, steered: false })
    const appended = await broken(`${claim}-1`, () => talk.append(first.claim, 1))
    // An append has no nonce: the log has the entry, and the reply reports this.
    expect(appended).toEqual({
      status: moment === 'before its reply' ? 'present' : 'appended',
      steer: true,
    })
    const steered = await broken(marker('take-steered'), () => store.takeSteered({ ...at, claim }))
    expect(steered).toEqual([letter('s1')])
    const withdrawn = await broken(marker('withdraw'), () =>
      store.withdraw(talk.id, 'm3', { tenant: '' }),
    )
    expect(withdrawn).toBe(true)
    const summary = { text: 'So far.', through: 'm1', tokens: 2 }
    const saved = await broken(marker('save-summary'), () =>
      store.saveSummary({ ...at, claim }, summary),
    )
    expect(saved).toBe('done')
    expect(await store.context(talk.id)).toMatchObject({ summary })
    const stopped = await broken(marker('request-stop'), () =>
      store.requestStop(talk.id, { tenant: '' }),
    )
    expect(stopped).toBe(true)
    const successor = await broken(marker('take-over'), () =>
      store.takeOver(talk.id, claim, { instance: 'two', handOver: false }),
    )
    expect(successor).toMatchObject({ stop: 'keep', takeovers: [{ from: 'one' }] })
    if (successor === undefined) throw new Error('nothing was taken over')
    const second = nextOf(
      await broken(marker('finish'), () => talk.finish(successor, { state: 'waiting' })),
    )
    expect(second).toMatchObject({ letter: letter('m2') })
    const spent = {
      usage: { ...noUsage, inputTokens: 7, totalTokens: 7 },
      usd: 0,
      isCostKnown: true,
    }
    const settled = await broken(marker('settle-abandoned'), () =>
      store.settleAbandoned(
        { sessionId: talk.id, claim: second.claim, logId: 're-m1' },
        { message: said('re-m1', 'assistant'), logTtlMs: 60_000, spent },
      ),
    )
    expect(settled).toBe('done')
    expect(await store.session(talk.id)).toMatchObject({ spent })
    expect(await talk.history()).toEqual(['m1', 's1', 're-m1', 'm2'])
    const page = await store.readLog(talk.id, 're-m1', undefined, 10)
    expect(page?.entries).toEqual([
      { id: `${claim}-0`, events: [] },
      entry(claim, 1),
      { id: successor.lastId, events: [] },
    ])
    const copy = converse(store)
    const forked = await broken(replyOf(copy.id, 'create'), () =>
      store.fork(talk.id, { newId: copy.id, tenant: '' }),
    )
    expect(forked).toBe(true)
    expect(await copy.history()).toEqual(['m1', 's1', 're-m1', 'm2'])
    const removed = await broken(marker('remove'), () => store.remove(talk.id, { tenant: '' }))
    expect(removed).toBe(true)
  })

  it('begins one turn of a held queue', async () => {
    const talk = converse(store)
    const claim = await talk.claim(letter('m1'))
    await talk.post(letter('m2'))
    await talk.post(letter('m3'))
    await store.requestStop(talk.id, { tenant: '', queue: 'hold' })
    expect(await talk.finish(claim)).toEqual({ status: 'done' })
    const reply = await broken(replyOf(talk.id, 'run-queue'), () =>
      store.runQueue(talk.id, { tenant: '', instance: 'one' }),
    )
    expect(reply).toMatchObject({ isRunning: true, next: { letter: letter('m2') } })
    expect(await store.owns(talk.id, reply.next?.claim ?? 0)).toBe(true)
    expect(await talk.queue()).toEqual(['m3'])
  })

  it('fails no other call on the same connection', async () => {
    const talks = Array.from({ length: 40 }, () => converse(store))
    proxy.cut(talks[20]?.id ?? '', moment)
    const replies = await Promise.all(talks.map((talk) => talk.post(letter('m1'))))
    expect(new Set(replies.map(({ status }) => status))).toEqual(new Set(['claimed']))
    const claims = replies.flatMap((reply) => (reply.status === 'claimed' ? [reply.claim] : []))
    proxy.cut(`${claims[20]?.claim}-1`, moment)
    await Promise.all(claims.map((claim) => converse(store, claim.sessionId).append(claim, 1)))
    for (const [at, talk] of talks.entries()) {
      const page = await store.readLog(talk.id, 're-m1', undefined, 10)
      const claim = claims[at]?.claim ?? 0
      expect(page?.entries).toEqual([{ id: `${claim}-0`, events: [] }, entry(claim, 1)])
    }
  })

  it('leaves every subscription active, and gives a hint', async () => {
    const talk = converse(store)
    const hints: string[] = []
    await store.watch(talk.id, 'log', () => hints.push('log'))
    await redis.client.call('client', 'kill', 'type', 'pubsub')
    await expect.poll(() => hints, { interval: 5 }).toEqual(['log'])
    await talk.post(letter('m1'))
    await expect.poll(() => hints.length, { interval: 5 }).toBeGreaterThan(1)
  })
})

describe('a reply that is lost', () => {
  let opened: Awaited<ReturnType<typeof openCutStore>>
  /** Reaches Redis without the proxy. */
  let direct: Store
  beforeAll(async () => {
    opened = await openCutStore()
    direct = await openRedisStore({ url: opened.redis.url })
  })
  afterAll(() => closeCutStore(opened, direct))

  /** Makes the call, loses its reply, does something else, and only then lets the store connect again. */
  async function late<REPLY>(
    text: string,
    call: () => Promise<REPLY>,
    meanwhile: () => Promise<void>,
  ): Promise<REPLY> {
    const { proxy } = opened
    const before = proxy.cuts()
    proxy.cut(text, 'before its reply', { hold: true })
    const reply = call()
    try {
      await expect.poll(() => proxy.cuts(), { interval: 5 }).toBe(before + 1)
      await meanwhile()
    } finally {
      proxy.release()
    }
    return reply
  }

  it('is the first reply again, after any later commands', async () => {
    const talk = converse(opened.store)
    const turn = await talk.claim(letter('m1'))
    let claim = 0
    const finished = await late(
      replyOf(talk.id, 'finish'),
      () => talk.finish(turn),
      async () => {
        claim = (await converse(direct, talk.id).claim(letter('m2'))).claim
      },
    )
    expect(finished).toEqual({ status: 'done' })
    expect(await direct.owns(talk.id, claim)).toBe(true)
  })

  it('remains a refusal when the call would now be accepted', async () => {
    const talk = converse(opened.store)
    await talk.turn(letter('m1'))
    let running = { claim: 0, sessionId: talk.id }
    const stopped = await late(
      replyOf(talk.id, 'request-stop'),
      () => talk.store.requestStop(talk.id, { tenant: '' }),
      async () => {
        running = await converse(direct, talk.id).claim(letter('m2'))
      },
    )
    expect(stopped).toBe(false)
    const { turn } = (await direct.session(talk.id)) ?? {}
    expect(turn).toMatchObject({ claim: running.claim })
    expect(turn).not.toHaveProperty('stop')
  })

  it('names the claim of a takeover that another one followed', async () => {
    const talk = converse(opened.store)
    const { claim } = await talk.claim(letter('m1'))
    let later: number | undefined
    const successor = await late(
      replyOf(talk.id, 'take-over'),
      () => talk.store.takeOver(talk.id, claim, { instance: 'two', handOver: false }),
      async () => {
        const found = (await direct.session(talk.id))?.turn?.claim ?? 0
        const options = { instance: 'three', handOver: false }
        later = (await direct.takeOver(talk.id, found, options))?.claim
      },
    )
    expect(successor?.claim).toBeGreaterThan(claim)
    expect(later).toBeGreaterThan(successor?.claim ?? Infinity)
    expect(await direct.owns(talk.id, later ?? 0)).toBe(true)
  })
})
