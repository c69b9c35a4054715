/**
 * The effect of a failover on a turn that is over or just ends: the new master has an earlier state of
 * the session. These tests restore that state by hand, so that each moment can be tested.
 * `zombies.test.ts` uses sentinels.
 */
import { randomUUID } from 'node:crypto'

import type { Redis } from 'ioredis'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'

import type { AgentEvent } from '../../src/event.ts'
import { CommittedTurns } from '../../src/session/committed-turns.ts'
import type { TurnCommit } from '../../src/session/turn-commit.ts'
import type { Store } from '../../src/store.ts'
import { openRedisStore } from '../../src/store/redis.ts'
import type { RunningRedis } from '../redis/redis.ts'
import { startRedis } from '../redis/redis.ts'
import { until } from '../redis/until.ts'
import { says, scriptedModel, words } from '../scripted-model.ts'
import { Gate, saysWhen } from './scripts.ts'
import {
  openWorld,
  read,
  type TestInstance,
  textOf,
  untilState,
  watch,
  type World,
} from './world.ts'

let redis: RunningRedis
beforeAll(async () => {
  redis = await startRedis()
})
afterAll(() => redis[Symbol.asyncDispose]())

const open = () => openRedisStore({ url: redis.url })

describe('a commit that a failover undid', () => {
  const holders: [string, (owner: string, other: string) => string[]][] = [
    ['its owner', (owner) => [owner]],
    ['another instance, which counted its owner as dead', (_, other) => [other]],
    ['no instance', () => []],
  ]
  it.each(holders)('is made again after a check by %s', async (_, holdersOf) => {
    await using world = openWorld(open)
    const gate = new Gate('the first words')
    const model = scriptedModel(saysWhen(gate, 'Half', ' and half.'), says('Anew.'))
    const here = await world.instance({ model })
    const there = await world.instance({ model: scriptedModel(says('Anew.')) })
    const id = randomUUID()
    await here.session(id).cast('Go.')
    const following = watch(there, id)
    await untilSaid(there, id)
    const before = await sessionNow(redis.client, id)
    gate.open()
    const { message } = await following
    await untilState(here, id, 'idle')
    await until(2000, 'it is in no index', async () => !(await noted(here, id)))
    await before.putBack()
    const [owner, other] = [here.sessions.instanceId, there.sessions.instanceId]
    for (const holder of holdersOf(owner, other)) await here.store.note(holder, id)
    await loseConnections(redis.client)
    await untilState(there, id, 'idle')
    expect(textOf(message)).toBe('Half and half.')
    expect((await there.sessions.messages(id)).at(-1)).toEqual(message)
    expect(model.asked).toHaveLength(1)
    const place = { logId: message.id, after: undefined, skip: 0 }
    expect((await read(there, id, place)).message).toEqual(message)
  })
})

describe('a failover during a commit', () => {
  it('readers get the end that the log lost', async () => {
    const committing = new Gate('the commit')
    await using world = openWorld(async () => holdingFinish(await open(), committing))
    const gate = new Gate('the first words')
    const model = scriptedModel(saysWhen(gate, 'Half', ' and half.'))
    const here = await world.instance({ model })
    const there = await world.instance({ model: scriptedModel(says('Anew.')) })
    const id = randomUUID()
    await here.session(id).cast('Go.')
    await untilSaid(there, id)
    const before = await sessionNow(redis.client, id)
    const following = watch(there, id)
    gate.open()
    await committing.reached()
    await before.putBack()
    const late = watch(there, id)
    committing.open()
    const [early, { message, events }] = await Promise.all([following, late])
    await untilState(there, id, 'idle')
    expect(textOf(message)).toBe('Half and half.')
    expect(events.at(-1)?.event.type).toBe('finish')
    expect(early.message).toEqual(message)
    expect((await there.sessions.messages(id)).at(-1)).toEqual(message)
    expect(model.asked).toHaveLength(1)
  })
})

describe('a returning reader that is ahead of the log', () => {
  /** A turn whose readers have "Half", and whose log is put back to a state before that. */
  async function ahead(world: World) {
    const [first, second] = [new Gate('the first words'), new Gate('the other words')]
    const here = await world.instance({
      model: scriptedModel(async function* (signal) {
        await first.pass(signal)
        yield* words('Half')
        await second.pass(signal)
        yield* says(' and half.')
      }),
    })
    const there = await world.instance({ model: scriptedModel(says('Anew.')) })
    const id = randomUUID()
    await here.session(id).cast('Go.')
    await first.reached()
    const before = await sessionNow(redis.client, id)
    first.open()
    await untilSaid(there, id)
    const logId = (await there.sessions.session(id))?.turn?.logId ?? ''
    const log = await there.store.readLog(id, logId, undefined, 100)
    const last = log?.entries.at(-1)
    await before.putBack()
    return { here, there, id, second, cursor: `${last?.id}.${(last?.events.length ?? 0) - 1}` }
  }

  it("waits for the owner's second append", async () => {
    await using world = openWorld(open)
    const { there, id, second, cursor } = await ahead(world)
    const waiting = there.sessions.readers.placeOf(id, cursor)
    await loseConnections(redis.client)
    const place = await waiting
    const events: AgentEvent[] = []
    const reading = read(there, id, place, { onEvent: (event) => events.push(event) })
    second.open()
    await reading
    // The reader gets none of its entries twice.
    expect(events.flatMap((event) => ('delta' in event ? event.delta : [])).join('')).toBe(
      ' and half.',
    )
    await untilState(there, id, 'idle')
  })

  it('gets 410 if the owner is dead', async () => {
    await using world = openWorld(open)
    const { here, there, id, cursor } = await ahead(world)
    here.freeze()
    await expect(there.sessions.readers.placeOf(id, cursor)).rejects.toMatchObject({ code: 'gone' })
    await untilState(there, id, 'idle')
  })

  it('gets 410 at once for an impossible cursor', async () => {
    await using world = openWorld(open)
    const { there, id, second, cursor } = await ahead(world)
    const [claim = '', rest = ''] = cursor.split('-')
    const wrong = [`${Number(claim) - 1}-${rest}`, `${Number(claim) + 1}-${rest}`, `${claim}-0.5`]
    for (const none of wrong) {
      await expect(there.sessions.readers.placeOf(id, none)).rejects.toMatchObject({ code: 'gone' })
    }
    // Other tests share the store, and would continue this turn.
    second.open()
    await untilState(there, id, 'idle')
  })
})

describe('recently committed turns', () => {
  afterEach(() => void vi.useRealTimers())

  it('are checked once more before their release', () => {
    vi.useFakeTimers({ toFake: ['performance'] })
    const turns = new CommittedTurns<Kept>()
    const turn = kept('s1', 1)
    turns.add(turn)
    vi.advanceTimersByTime(14_000)
    turns.release('s1')
    expect([turns.sessionIds, turns.due]).toEqual([['s1'], []])
    expect(turns.under(turn.claim)).toBe(turn)
    expect(turns.under({ sessionId: 's1', claim: 2 })).toBeUndefined()
    // A later turn in its place has a retention of its own.
    vi.advanceTimersByTime(2000)
    turns.add(kept('s2', 1))
    expect([turns.sessionIds, turns.due]).toEqual([['s1', 's2'], ['s1']])
    turns.release('s1')
    turns.release('s2')
    expect([turns.sessionIds, turns.due]).toEqual([['s2'], []])
  })

  it('are checked also without room for their messages', () => {
    const turns = new CommittedTurns<Kept>(10)
    const [first, second, third] = [kept('s1', 1, 4), kept('s2', 1, 4), kept('s1', 2, 4)]
    for (const turn of [first, second, third]) turns.add(turn)
    expect([first, second, third].map(({ claim }) => turns.under(claim))).toEqual([
      undefined,
      second,
      third,
    ])
    const large = kept('s3', 1, 7)
    turns.add(large)
    expect([second, third, large].map(({ claim }) => turns.under(claim))).toEqual([
      undefined,
      undefined,
      large,
    ])
    expect(turns.sessionIds.toSorted()).toEqual(['s1', 's2', 's3'])
  })
})

type Kept = Pick<TurnCommit, 'claim' | 'bytes'>

const kept = (sessionId: string, claim: number, bytes = 1): Kept => ({
  claim: { sessionId, claim, logId: 're-m1' },
  bytes,
})

const untilSaid = (instance: TestInstance, id: string) =>
  until(5000, 'the first words are in the log', async () => {
    const logId = (await instance.sessions.session(id))?.turn?.logId ?? ''
    return textOf(await instance.sessions.partialAnswer(id, logId)) === 'Half'
  })

const noted = async ({ sessions, store }: TestInstance, id: string) =>
  (await store.noted(sessions.instanceId)).includes(id)

/** The state of a session in Redis, which later replaces the newer one. */
async function sessionNow(client: Redis, id: string): Promise<{ putBack: () => Promise<void> }> {
  const keys = () => client.keys(`*{${id}}*`)
  const dumps = await Promise.all(
    (await keys()).map(async (key) => [key, await client.dumpBuffer(key)] as const),
  )
  expect(dumps).not.toHaveLength(0)
  return {
    async putBack() {
      // In one step, as clients see it at a new master.
      const change = client.multi().del(...(await keys()))
      for (const [key, dump] of dumps) if (dump !== null) change.restore(key, 0, dump)
      await change.exec()
    },
  }
}

/** All connections except the caller's. They reconnect. */
const loseConnections = (client: Redis) =>
  Promise.all(
    ['normal', 'pubsub'].map((type) =>
      client.call('client', 'kill', 'type', type, 'skipme', 'yes'),
    ),
  )

function holdingFinish(store: Store, gate: Gate): Store {
  return {
    ...store,
    async finish(at, commit) {
      await gate.pass()
      return store.finish(at, commit)
    },
  }
}
