import { afterEach, beforeEach, expect, it, vi } from 'vitest'

import { Heartbeat } from '../../src/session/heartbeat.ts'

const ttlMs = 600

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

/** A heartbeat to a store that can be unreachable or slow for a while. */
async function started() {
  let back = Promise.resolve()
  const beats: number[] = []
  const heartbeat = new Heartbeat({
    store: {
      isAlive: async () => false,
      beat: () => {
        beats.push(performance.now())
        return back
      },
    },
    instance: 'one',
    ttlMs,
    onBeat: () => {},
    report: () => {},
  })
  await heartbeat.start()
  return {
    heartbeat,
    beats,
    outage: async (ms: number) => {
      const { promise, resolve } = Promise.withResolvers<void>()
      back = promise
      await vi.advanceTimersByTimeAsync(ms)
      back = Promise.resolve()
      resolve()
      await vi.advanceTimersByTimeAsync(0)
    },
  }
}

it('other instances count as dead after one time to live', async () => {
  const { heartbeat } = await started()
  await vi.advanceTimersByTimeAsync(ttlMs - 10)
  expect([heartbeat.isAlive, heartbeat.isSteady]).toEqual([true, false])
  await vi.advanceTimersByTimeAsync(10)
  expect(heartbeat.isSteady).toBe(true)
})

it('other instances get time to reconnect after an outage', async () => {
  const { heartbeat, outage } = await started()
  await vi.advanceTimersByTimeAsync(3 * ttlMs)
  await outage(2 * ttlMs)
  // The next beat follows at once. It is the first one whose arrival is known.
  expect([heartbeat.isAlive, heartbeat.isSteady]).toEqual([true, false])
  await vi.advanceTimersByTimeAsync(ttlMs + 990)
  expect([heartbeat.isAlive, heartbeat.isSteady]).toEqual([true, false])
  await vi.advanceTimersByTimeAsync(10)
  expect(heartbeat.isSteady).toBe(true)
})

it('a late response of the store delays the decision', async () => {
  const { heartbeat, outage } = await started()
  await vi.advanceTimersByTimeAsync(3 * ttlMs)
  expect(heartbeat.isSteady).toBe(true)
  // Less than a time to live: this instance still counts as alive.
  await outage(ttlMs * 0.9)
  expect([heartbeat.isAlive, heartbeat.isSteady]).toEqual([true, false])
  await vi.advanceTimersByTimeAsync((ttlMs * 2) / 3 - 10)
  expect(heartbeat.isSteady).toBe(false)
  await vi.advanceTimersByTimeAsync(20)
  expect(heartbeat.isSteady).toBe(true)
})

it('a late beat delays the decision', async () => {
  const { heartbeat } = await started()
  await vi.advanceTimersByTimeAsync(3 * ttlMs)
  expect(heartbeat.isSteady).toBe(true)
  // Time passes and no timer runs, as in a long garbage collection or without a share of the processor.
  vi.setSystemTime(Date.now() + 1)
  const now = performance.now()
  vi.spyOn(performance, 'now').mockReturnValue(now + ttlMs * 0.7)
  expect([heartbeat.isAlive, heartbeat.isSteady]).toEqual([true, false])
})

it('slow responses do not delay the beats', async () => {
  const { beats, outage } = await started()
  await vi.advanceTimersByTimeAsync(ttlMs)
  beats.length = 0
  const begun = performance.now()
  for (let round = 0; round < 5; round++) await outage(ttlMs / 4)
  const longest = Math.max(...beats.map((at, index) => at - (beats[index - 1] ?? begun)))
  expect(longest).toBeLessThanOrEqual(ttlMs / 3)
})
