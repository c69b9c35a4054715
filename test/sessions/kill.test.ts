/** Any instance can die at any moment, and every tab sees one coherent answer finish within seconds. */
import { randomUUID } from 'node:crypto'

import { describe, expect, it } from 'vitest'

import { within } from '../deadline.ts'
import { until } from '../redis/until.ts'
import { watchClaims } from './claims.ts'
import { amid, killAmid, terminateAmid } from './fault-kit.ts'
import { chance, measured, median } from './random.ts'
import { heartbeatMs, openStage, type Stage, type StageInstance } from './stage.ts'
import {
  beginTurn,
  expectWhole,
  oneAnswer,
  type StagedTurn,
  untilIdle,
  untilSeen,
} from './staged-turn.ts'
import { cast, messagesOf, openTab, post } from './tab.ts'

/** The minimum number of events of a ten-step turn. */
const eventsOfTurn = 100
const turnsAtOnce = 20

describe('a turn whose owner is killed', () => {
  it('is one coherent answer at 200 random places', async () => {
    const { seed, below } = chance()
    await using stage = await openStage({ paceMs: 12 })
    let killed = 0
    for (let round = 0; killed < 200; round++) {
      const [owner, survivor] = [stage.instance(round % 2), stage.instance(1 - (round % 2))]
      // A reader of v7 gets a reset of a partial reply. Any other keeps it.
      const profile = below(2) === 0 ? 'v6' : 'v7'
      const places = Array.from({ length: turnsAtOnce - 1 }, () => below(eventsOfTurn))
      const turns = await turnsAt(places, () => beginTurn({ owner, survivor, profile }))
      const label = `seed ${seed}, round ${round}, `
      killed += await killAmid(stage, round % 2, { turns, door: survivor, label })
    }
  }, 400_000)

  it('continues within the heartbeat and half a second (median)', async () => {
    const limitMs = heartbeatMs + 500
    await using stage = await openStage({ paceMs: 10 })
    const tookMs = await measured(limitMs, () => medianUntilToken(stage, (owner) => owner.kill()))
    expect(tookMs).toBeLessThan(limitMs)
  }, 300_000)
})

describe('a turn after a hand-over', () => {
  it('continues within 0.3 s (median)', async () => {
    await using stage = await openStage({ paceMs: 10 })
    const tookMs = await measured(300, () =>
      medianUntilToken(stage, (owner) => owner.terminate().gone),
    )
    expect(tookMs).toBeLessThan(300)
  }, 300_000)

  it('is served to its end by the leaving instance', async () => {
    await using stage = await openStage({ paceMs: 10 })
    const [owner, other] = [stage.instance(0), stage.instance(1)]
    const turn = await beginTurn({ owner, survivor: other, resumes: false })
    await untilSeen(turn, amid)
    await terminateAmid(owner, { turns: [turn], door: other })
  })

  it('keeps its instance serving, but not ready, for its readers', async () => {
    await using stage = await openStage({ paceMs: 10 })
    const [owner, other] = [stage.instance(0), stage.instance(1)]
    const turn = await beginTurn({ owner, survivor: other })
    await untilSeen(turn, 20)
    const { gone } = owner.terminate()
    const statusOf = async (path: string) => (await fetch(owner.url + path)).status
    await until(2000, 'it is not ready', async () => (await statusOf('/readyz')) === 503)
    expect(await statusOf('/healthz')).toBe(200)
    expect(await statusOf(`/api/chat/${turn.chatId}/messages`)).toBe(200)
    const [next, late] = [randomUUID(), openTab({ urls: [owner.url], resumes: false })]
    const refused = await post(owner.url, next, 'steps: 1')
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '1'])
    expect(refused.headers.get('connection')).toBe('close')
    const [mine, theirs, third] = await Promise.all(
      [turn.asked, turn.watched, late.reattach(turn.chatId)].map(({ message }) => message),
    )
    expect(await gone).toBe(0)
    await untilIdle(other.url, turn.chatId)
    const stored = (await messagesOf(other.url, turn.chatId)).at(-1)
    for (const message of [mine, theirs, third]) expect(message).toEqual(stored)
    expect((await fetch(`${other.url}/api/chat/${next}`)).status).toBe(404)
    const { gone: atOnce } = other.terminate()
    await within(2000, 'the end of one without a reader', atOnce)
  })

  it('continues as soon without a reader', async () => {
    // The next heartbeat would come only after 5 s.
    const environment = { LOOM_HEARTBEAT_MS: '15000' }
    await using stage = await openStage({ environment })
    const [owner, other] = [stage.instance(0), stage.instance(1)]
    const chatIds: string[] = Array.from({ length: 60 }, () => randomUUID())
    for (const chatId of chatIds) await cast(owner.url, chatId, 'steps: 1, hold')
    await until(5000, 'the turns are under way', () => stage.upstream.held === chatIds.length)
    const { gone } = owner.terminate()
    await until(4000, 'the turns are taken', () => stage.upstream.calls.length === 120)
    expect(await gone).toBe(0)
    expect(stage.upstream.aborted).toBe(chatIds.length)
    for (const chatId of chatIds) {
      await fetch(`${other.url}/api/chat/${chatId}/stop`, { method: 'POST' })
      await untilIdle(other.url, chatId)
    }
  })
})

/** Turns that begin one after the other, so that each is at another place. */
async function turnsAt(
  places: readonly number[],
  begin: () => Promise<StagedTurn>,
): Promise<StagedTurn[]> {
  const furthest = Math.max(...places)
  const first = await begin()
  const others = places.map(async (place) => {
    await untilSeen(first, furthest - place)
    return begin()
  })
  return [first, ...(await Promise.all(others))]
}

/** The time from the death of an owner to the first token of the next one, at a watching tab. */
async function medianUntilToken(
  stage: Stage,
  end: (owner: StageInstance) => Promise<unknown>,
): Promise<number> {
  const times: number[] = []
  for (const index of [0, 1, 0, 1, 0]) {
    const [owner, survivor] = [stage.instance(index), stage.instance(1 - index)]
    const turns = await Promise.all([0, 1, 2].map(() => beginTurn({ owner, survivor })))
    const watches = await Promise.all(turns.map(({ chatId }) => watchClaims(survivor.url, chatId)))
    await Promise.all(watches.map(({ frames }) => until(5000, 'frames', () => frames.length > 20)))
    const claims = watches.map(({ frames }) => frames[0]?.claim ?? Number.NaN)
    const endedAt = performance.now()
    const gone = end(owner)
    const tokens = watches.map((watch, at) => watch.tokenAfter(claims[at] ?? Number.NaN))
    times.push(...(await Promise.all(tokens)).map((at) => at - endedAt))
    for (const turn of turns) expectWhole(await oneAnswer(turn, survivor), 10)
    await Promise.all([gone, stage.start(index)])
  }
  return median(times)
}
