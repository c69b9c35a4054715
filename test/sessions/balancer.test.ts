/** The services of `docker-compose.yml` as plain processes: keys, two instances, one Redis, a balancer. */
import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'

import { describe, expect, it } from 'vitest'

import { readConfig } from '../../src/config.ts'
import { until } from '../redis/until.ts'
import { openBalancer } from './balancer.ts'
import { openStage } from './stage.ts'
import { openTab } from './tab.ts'

const key = 'a-long-secret'
const authorization = `Bearer ${key}`

it('an answer survives either instance behind a plain balancer', async () => {
  await using stage = await openStage({
    paceMs: 10,
    environment: { LOOM_API_KEYS: key, HOST: '0.0.0.0' },
  })
  // The output is for people. The balancer gets addresses of this machine.
  const address = (index: number) => {
    const url = new URL(stage.instance(index).url)
    return `http://127.0.0.1:${url.port}`
  }
  await using balancer = await openBalancer(() => [address(0), address(1)])
  const tab = openTab({ urls: [balancer.url], headers: { authorization } })
  for (const dying of [0, 1]) {
    const chatId = randomUUID()
    let seen = 0
    const asked = tab.send(chatId, 'steps: 6', { onChunk: () => seen++ })
    await until(10_000, 'the turn is under way', () => seen > 10)
    await stage.instance(dying).kill()
    const message = await asked.message
    const response = await fetch(`${balancer.url}/api/chat/${chatId}/messages`, {
      headers: { authorization, 'x-loom-profile': 'v7' },
    })
    const stored: unknown = await response.json()
    expect(Array.isArray(stored) ? stored.at(-1) : undefined).toEqual(message)
    await stage.start(dying)
  }
  expect((await fetch(`${balancer.url}/api/chat`)).status).toBe(401)
})

describe('the compose file', () => {
  const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8')
  const compose = read('docker-compose.yml')

  it('describes two instances on one durable Redis', () => {
    for (const fact of [
      /--appendonly yes/,
      /--maxmemory-policy noeviction/,
      /loom-1: \*loom/,
      /loom-2: \*loom/,
      /examples\/balancer\/docker\.conf:/,
    ]) {
      expect(compose).toMatch(fact)
    }
  })

  it("passes on every documented setting except the container's own", () => {
    const own = ['LOOM_AUTH', 'LOOM_MODELS_PATH']
    const names = [...read('docs/settings.md').matchAll(/^\| `(LOOM_[A-Z_]+)` \|/gm)].map(
      ([, name = '']) => name,
    )
    expect(names).toContain('LOOM_SANDBOX')
    for (const name of names.filter((name) => !own.includes(name))) {
      expect(compose).toMatch(new RegExp(`^    ${name}: \\$\\{${name}:`, 'm'))
    }
  })

  it('stops an instance after its streams have ended', () => {
    const seconds = Number(/stop_grace_period: (\d+)s/.exec(compose)?.[1])
    expect(seconds * 1000).toBeGreaterThan(readConfig({}).graceMs)
  })
})
