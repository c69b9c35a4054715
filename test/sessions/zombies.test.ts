/** A returning owner finds another owner of its turn: its writes are refused, and it stops its work. */
import { randomUUID } from 'node:crypto'

import { describe, expect, it } from 'vitest'

import { startCluster } from '../redis/cluster.ts'
import { startSentinel } from '../redis/sentinel.ts'
import { freePort, localhost } from '../redis/server.ts'
import { until } from '../redis/until.ts'
import { absences, amid, leaveForAWhile } from './fault-kit.ts'
import { rawLog } from './redis-log.ts'
import { openStage, openStageOn } from './stage.ts'
import { beginTurn, expectWhole, oneAnswer, untilIdle, untilSeen } from './staged-turn.ts'
import { messagesOf, openTab } from './tab.ts'

describe.each(absences)('an owner that %s', (_, absence) => {
  it('writes not one byte and calls no model', async () => {
    await using stage = await openStage({ paceMs: 12 })
    const [owner, survivor] = [stage.instance(0), stage.instance(1)]
    const turn = await beginTurn({ owner, survivor })
    await untilSeen(turn, amid)
    await leaveForAWhile(stage, owner, { turns: [turn], door: survivor, absence })
    // The interrupted step is asked twice. The zombie asks nothing after that.
    expect(stage.upstream.calls.length).toBeLessThanOrEqual(11)
    expect(stage.upstream.calls.length).toBeGreaterThanOrEqual(10)
  })

  it('aborts its model call after its return', async () => {
    await using stage = await openStage()
    const [owner, survivor] = [stage.instance(0), stage.instance(1)]
    const turn = await beginTurn({ owner, survivor, text: 'steps: 3, hold' })
    await until(5000, 'the model is silent', () => stage.upstream.held === 1)
    absence.begin(owner)
    await until(5000, 'another asks the model', () => stage.upstream.held === 2)
    expect(stage.upstream.aborted).toBe(0)
    absence.end(owner)
    await until(2000, 'the old call is aborted', () => stage.upstream.aborted === 1)
    expect(stage.upstream.held).toBe(1)
    stage.upstream.letGo()
    expectWhole(await oneAnswer(turn, survivor), 3)
  })
})

it('a tab of a frozen owner gets the whole answer', async () => {
  await using stage = await openStage({ paceMs: 10 })
  const [owner, other] = [stage.instance(0), stage.instance(1)]
  const chatId = randomUUID()
  let seen = 0
  const tab = openTab({ urls: [owner.url, other.url], silenceMs: 500 })
  const asked = tab.send(chatId, 'steps: 5', { onChunk: () => seen++ })
  await until(5000, 'the turn is under way', () => seen > 10)
  owner.freeze()
  const message = await asked.message
  await untilIdle(other.url, chatId)
  expect(message).toEqual((await messagesOf(other.url, chatId)).at(-1))
})

describe('a failover that loses acknowledged writes', () => {
  const environment = { LOOM_REDIS_PATIENCE: '20000' }

  it("is repaired by the owner's second append", async () => {
    await using sentinel = await startSentinel()
    await using stage = await openStageOn(sentinel.url, { environment, paceMs: 20 })
    const [owner, survivor] = [stage.instance(0), stage.instance(1)]
    const turn = await beginTurn({ owner, survivor })
    await loseWrites(sentinel, turn)
    await sentinel.failedOver()
    expectWhole(await oneAnswer(turn, survivor), 10)
  }, 180_000)

  it('is repaired for a tab of a dead instance', async () => {
    await using sentinel = await startSentinel()
    await using stage = await openStageOn(sentinel.url, { environment, paceMs: 20, instances: 3 })
    const [owner, reader, other] = [stage.instance(0), stage.instance(1), stage.instance(2)]
    const turn = await beginTurn({ owner, survivor: other })
    const tab = openTab({ urls: [reader.url, other.url] })
    let seen = 0
    const read = tab.reattach(turn.chatId, { onChunk: () => seen++ })
    await until(10_000, 'the tab reads along', () => seen > 0)
    await loseWrites(sentinel, turn, { meanwhile: () => reader.kill() })
    await sentinel.failedOver()
    const stored = await oneAnswer(turn, other)
    expectWhole(stored, 10)
    expect(await read.message).toEqual(stored)
  }, 180_000)

  it('is repaired also after a lost end of a turn', async () => {
    await using sentinel = await startSentinel()
    await using stage = await openStageOn(sentinel.url, { environment, paceMs: 20 })
    const [owner, survivor] = [stage.instance(0), stage.instance(1)]
    const turn = await beginTurn({ owner, survivor, text: 'steps: 4' })
    await loseWrites(sentinel, turn, { first: () => turn.asked.message })
    const calls = stage.upstream.calls.length
    await sentinel.failedOver()
    expectWhole(await oneAnswer(turn, survivor), 4)
    expect(stage.upstream.calls, 'no instance answered it again').toHaveLength(calls)
  }, 180_000)

  it('resets the readers if the owner died too', async () => {
    await using sentinel = await startSentinel()
    await using stage = await openStageOn(sentinel.url, { environment, paceMs: 20 })
    const [owner, survivor] = [stage.instance(0), stage.instance(1)]
    const turn = await beginTurn({ owner, survivor })
    await loseWrites(sentinel, turn, { meanwhile: () => owner.kill() })
    await expect(turn.asked.message).rejects.toThrow('410')
    await expect(turn.watched.message).rejects.toThrow(TypeError)
    const again = await openTab({ urls: [survivor.url] }).reattach(turn.chatId).message
    await untilIdle(survivor.url, turn.chatId)
    const stored = (await messagesOf(survivor.url, turn.chatId)).at(-1)
    if (again !== undefined) expect(again).toEqual(stored)
    expectWhole(stored ?? { id: '', role: 'assistant', parts: [] }, 10)
  }, 180_000)
})

it('a turn continues in a Redis Cluster after a death', async () => {
  await using cluster = await startCluster()
  await using stage = await openStageOn(cluster.url, { paceMs: 10 })
  const [owner, survivor] = [stage.instance(0), stage.instance(1)]
  const turns = await Promise.all([0, 1, 2, 3].map(() => beginTurn({ owner, survivor })))
  await Promise.all(turns.map((turn) => untilSeen(turn, 30)))
  await owner.kill()
  for (const turn of turns) expectWhole(await oneAnswer(turn, survivor), 10)
}, 180_000)

/** The replica receives nothing more, the turn continues for a while, and the master dies. */
async function loseWrites(
  sentinel: Awaited<ReturnType<typeof startSentinel>>,
  turn: Awaited<ReturnType<typeof beginTurn>>,
  { first, meanwhile }: { first?: () => Promise<unknown>; meanwhile?: () => Promise<void> } = {},
): Promise<void> {
  const { master, replica } = sentinel
  await untilSeen(turn, 20)
  await replica.client.call('replicaof', localhost, await freePort())
  await untilSeen(turn, turn.seen.length + 20)
  const [had, has] = await Promise.all(
    [master, replica].map(async ({ client }) => (await rawLog(client, turn.chatId)).length),
  )
  expect(had).toBeGreaterThan(has ?? 0)
  await first?.()
  await Promise.all([master.kill(), meanwhile?.()])
}
