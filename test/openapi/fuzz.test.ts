/**
 * Random requests to every route of the document, by two principals at once. `FUZZ=100000 npx vitest run
 * test/openapi/fuzz.test.ts` sends more of them, and `FUZZ_SEED` repeats a run.
 */
import { env } from 'node:process'

import * as fc from 'fast-check'
import { describe, expect, it, onTestFinished } from 'vitest'

import { within } from '../deadline.ts'
import { startRedis } from '../redis/redis.ts'
import { calls, says } from '../scripted-model.ts'
import { richAgent } from '../sessions/rich-agent.ts'
import { openServed } from '../sessions/served.ts'
import { documentForm } from './document-form.ts'
import { Callers, keys } from './fuzz/callers.ts'
import { requestsOf } from './fuzz/requests.ts'

const total = Number(env['FUZZ'] ?? 3000)
const seed = Number(env['FUZZ_SEED'] ?? Math.floor(Math.random() * 2 ** 31))
const lanes = 8
const batch = 500

const asks = [
  calls(
    ['ask', { question: 'Where?' }, 'call-a'],
    ['remove', { path: '/a' }, 'call-x'],
    ['weather', { city: 'Oslo' }, 'call-w'],
  ),
  says('So be it.'),
]

const looksUp = [calls(['weather', { city: 'Oslo' }, 'call-w']), says('It is mild.')]

const replies = (asked: string) =>
  asked.startsWith('Ask.') ? asks : asked.startsWith('Look.') ? looksUp : [says('You said it.')]

const stores = [
  { store: 'memory', count: total, environment: async () => ({}) },
  {
    store: 'Redis',
    count: Math.ceil(total / 5),
    async environment(): Promise<Record<string, string>> {
      const redis = await startRedis()
      onTestFinished(() => redis[Symbol.asyncDispose]())
      return { REDIS_URL: redis.url }
    },
  },
]

describe.each(stores)('with sessions in $store', ({ count, environment }) => {
  it(
    'random requests get documented responses, and no text of another principal',
    { timeout: 60_000 + count * 60 },
    async () => {
      const { agent } = richAgent(replies)
      const server = await openServed([agent], {
        ...(await environment()),
        LOOM_API_KEYS: `ada:${keys[0]},eve:${keys[1]}`,
      })
      onTestFinished(() => server[Symbol.asyncDispose]())
      const source: unknown = await (await fetch(`${server.url}/openapi.json`)).json()
      const document = documentForm.parse(source)
      const callers = new Callers(server.url, document)
      const requests = requestsOf(document)
      const statuses = new Map<number, number>()
      for (let sent = 0; sent < count; sent += batch) {
        const next = fc.sample(requests, {
          seed: seed + sent,
          numRuns: Math.min(batch, count - sent),
        })
        const lane = async () => {
          for (let request = next.pop(); request !== undefined; request = next.pop()) {
            const { status } = await callers.send(request)
            statuses.set(status, (statuses.get(status) ?? 0) + 1)
          }
        }
        await Promise.all(Array.from({ length: lanes }, lane)).catch((cause: unknown) => {
          throw new Error(`The run with FUZZ_SEED=${seed} failed after ${sent} requests.`, {
            cause,
          })
        })
        if (env['FUZZ'] !== undefined && sent % 5000 === 0) {
          process.stderr.write(`${sent}: ${JSON.stringify(Object.fromEntries(statuses))}\n`)
        }
        const health = fetch(`${server.url}/healthz`)
        expect((await within(5000, 'the health of the server', health)).status).toBe(200)
      }
      const spread = JSON.stringify(Object.fromEntries(statuses))
      if (env['FUZZ'] !== undefined) process.stderr.write(`seed ${seed}: ${spread}\n`)
      // Without accepted requests, the run would show little.
      expect(statuses.get(200) ?? 0, spread).toBeGreaterThan(count / 10)
      expect(statuses.get(400) ?? 0, spread).toBeGreaterThan(count / 50)
      expect(callers.ownTexts, spread).toBeGreaterThan(count / 100)
      expect(server.reported, spread).toEqual([])
    },
  )
})
