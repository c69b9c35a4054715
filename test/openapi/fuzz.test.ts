/**
 * Random requests to every route of the document, by two principals at once. With Redis, two instances get
 * them in turn. `FUZZ=100000 npx vitest run test/openapi/fuzz.test.ts` sends more of them to each store,
 * `-t Redis` only to that one, and `FUZZ_SEED` repeats a run.
 */
import { env } from 'node:process'

import * as fc from 'fast-check'
import { describe, expect, it, onTestFinished } from 'vitest'

import { within } from '../deadline.ts'
import { startRedis } from '../redis/redis.ts'
import { calls, says } from '../scripted-model.ts'
import { richAgent } from '../sessions/rich-agent.ts'
import { openServed, type Served } from '../sessions/served.ts'
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
  { store: 'memory', instances: 1, count: total, environment: async () => ({}) },
  {
    store: 'Redis',
    instances: 2,
    count: env['FUZZ'] === undefined ? Math.ceil(total / 5) : total,
    async environment(): Promise<Record<string, string>> {
      const redis = await startRedis()
      onTestFinished(() => redis[Symbol.asyncDispose]())
      return { REDIS_URL: redis.url }
    },
  },
]

describe.each(stores)('with sessions in $store', ({ instances, count, environment }) => {
  it(
    'random requests get documented responses, and no text of another principal',
    { timeout: 60_000 + count * 60 },
    async () => {
      const { agent } = richAgent(replies)
      const settings = {
        ...(await environment()),
        LOOM_API_KEYS: `ada:${keys[0]},eve:${keys[1]}`,
      }
      const servers: Served[] = []
      for (let index = 0; index < instances; index++) {
        const server = await openServed([agent], settings)
        onTestFinished(() => server[Symbol.asyncDispose]())
        servers.push(server)
      }
      const urls = servers.map(({ url }) => url)
      const source: unknown = await (await fetch(`${urls[0]}/openapi.json`)).json()
      const document = documentForm.parse(source)
      const callers = new Callers(urls, document)
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
        for (const url of urls) {
          const health = fetch(`${url}/healthz`)
          expect((await within(5000, 'the health of the server', health)).status).toBe(200)
        }
      }
      const spread = JSON.stringify(Object.fromEntries(statuses))
      if (env['FUZZ'] !== undefined) process.stderr.write(`seed ${seed}: ${spread}\n`)
      // Without accepted requests, the run would show little.
      expect(statuses.get(200) ?? 0, spread).toBeGreaterThan(count / 10)
      expect(statuses.get(400) ?? 0, spread).toBeGreaterThan(count / 50)
      expect(callers.ownTexts, spread).toBeGreaterThan(count / 100)
      expect(
        servers.flatMap(({ reported }) => reported),
        spread,
      ).toEqual([])
    },
  )
})
