import { afterEach, beforeEach, expect, it, vi } from 'vitest'

import { Heartbeat } from '../../src/session/heartbeat.ts'

const ttlMs = 600

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

/** A heartbeat to a store that can go away for a while. */
async function started() {
  let back = Promise.resolve()
  const heartbeat = new Heartbeat({
    store: { beat: () => back },
    instance: 'one',
    ttlMs,
    onBeat: () => {},
    report: () => {},
  })
  await heartbeat.start()
  return {
    heartbeat,
    outage: async (ms: number) => {
      const { promise, resolve } = Promise.withResolvers<void>()
      back = promise
      await vi.advanceTimersByTimeAsync(ms)
      resolve()
      await vi.advanceTimersByTimeAsync(0)
    },
  }
}

it('takes the silence of others for death once they have had the time of one silence', async () => {
  const { heartbeat } = await started()
  await vi.advanceTimersByTimeAsync(ttlMs - 10)
  expect([heartbeat.isHeard, heartbeat.isSteady]).toEqual([true, false])
  await vi.advanceTimersByTimeAsync(10)
  expect(heartbeat.isSteady).toBe(true)
})

it('gives others time to come back to a store that was away, who pause between attempts', async () => {
  const { heartbeat, outage } = await started()
  await vi.advanceTimersByTimeAsync(3 * ttlMs)
  await outage(2 * ttlMs)
  expect([heartbeat.isHeard, heartbeat.isSteady]).toEqual([false, false])
  // The next beat is the first of which it is known when it was heard.
  await vi.advanceTimersByTimeAsync(ttlMs / 3 + ttlMs + 990)
  expect([heartbeat.isHeard, heartbeat.isSteady]).toEqual([true, false])
  await vi.advanceTimersByTimeAsync(10)
  expect(heartbeat.isSteady).toBe(true)
})
