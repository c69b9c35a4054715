import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'

import { type RunningRedis, startRedis } from '../redis/redis.ts'
import { folder, loom, tidy } from './command.ts'

let redis: RunningRedis
beforeAll(async () => {
  redis = await startRedis()
})
afterAll(() => redis[Symbol.asyncDispose]())
afterEach(tidy)

// Eight starts of the command. One of them waits for a Redis that does not exist.
it('sessions are in Redis and not on disk', { timeout: 120_000 }, async () => {
  const state = await folder()
  const environment = { REDIS_URL: redis.url, XDG_STATE_HOME: state }
  const say = (words: string[], input = '') => loom(words, { environment, input })
  await say(['--session', 'first', 'My name is Ada.'])
  expect((await say(['--continue', 'Who am I?'])).stdout).toBe('Your name is Ada.\n')
  expect((await say(['-i', '--session', 'first'], 'Who am I?\n')).stdout).toBe(
    'Your name is Ada.\n',
  )
  expect((await loom(['--session', 'first', 'Who am I?'])).stdout).toContain("haven't told me")
  expect((await say(['sessions'])).stdout).toMatch(/ first {2}My name is Ada\.\n$/)
  // A question without a session needs no Redis.
  const away = { REDIS_URL: 'redis://127.0.0.1:1' }
  expect((await loom(['hi there'], { environment: away })).code).toBe(0)
  const failed = await loom(['--continue', 'hi there'], { environment: away })
  expect(failed.stderr).toMatch(/^loom: .+\n$/)
  expect(failed.code).toBe(3)
  await say(['sessions', '--rm', 'first'])
  expect((await say(['sessions'])).stdout).toBe('There are no sessions.\n')
})
