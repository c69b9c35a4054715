/**
 * The alert rules of `examples/monitoring`. Real servers are brought into the state of each alert, and promtool
 * evaluates the rules on what `/metrics` showed before and after. Nothing here makes up a series.
 */
import { randomUUID } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

import { afterEach, describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { z } from 'zod'

import { addressOf, endProcesses, startLoom } from '../loom-process.ts'
import { until } from '../redis/until.ts'
import { openStage } from '../sessions/stage.ts'
import { newFolder } from '../store/stored-folder.ts'
import { type ScrapePair, seriesOf } from './alert-series.ts'
import { openFaultyModel } from './faulty-model.ts'
import { lacksPromtool, promtoolWith } from './promtool.ts'
import { scrape, type Scraped } from './scraped.ts'

afterEach(endProcesses)

const root = join(import.meta.dirname, '../..')
const folder = join(root, 'examples/monitoring')
const ruleFile = join(folder, 'alerts.yml')

const rules = z
  .object({
    groups: z.array(
      z.object({
        rules: z.array(
          z.object({
            alert: z.string(),
            expr: z.string(),
            labels: z.object({ severity: z.enum(['page', 'ticket']) }),
            annotations: z.object({ summary: z.string(), runbook_url: z.string() }),
          }),
        ),
      }),
    ),
  })
  .parse(parse(readFileSync(ruleFile, 'utf8')))
  .groups.flatMap((group) => group.rules)

const metricsIn = (text: string): string[] => text.match(/\b(?:loom|nodejs|process)_\w+/g) ?? []
const names = new Set(rules.flatMap(({ expr }) => metricsIn(expr)))

describe('the files of examples/monitoring', () => {
  it.skipIf(lacksPromtool)('pass promtool (it needs promtool)', async () => {
    const checked = await promtoolWith(['check', 'config', join(folder, 'prometheus.yml')])
    expect(checked.output).toContain(`SUCCESS: ${rules.length} rules found`)
    expect(checked.code, checked.output).toBe(0)
  })

  it('name only metrics that a server has', async () => {
    const url = await addressOf(startLoom({ LOOM_STORE: 'memory', LOOM_MODEL: 'demo/fast' }))
    const { types } = await scrape(url)
    const dashboard = readFileSync(join(folder, 'dashboard.json'), 'utf8')
    const used = [...names, ...metricsIn(dashboard)]
    expect(used.length).toBeGreaterThan(40)
    const isServed = (name: string) =>
      types.has(name) || types.has(name.replace(/_(?:bucket|sum|count)$/, ''))
    expect(used.filter((name) => !isServed(name))).toEqual([])
  })

  it('name a runbook for each alert, and the page has no other', () => {
    const page = readFileSync(join(root, 'docs/runbooks.md'), 'utf8')
    const sections = [...page.matchAll(/^## (\w+)$/gm)].map(([, name = '']) => name)
    expect(sections).toEqual(rules.map(({ alert }) => alert))
    expect(rules.map(({ annotations }) => annotations.runbook_url)).toEqual(
      sections.map((name) => `docs/runbooks.md#${name.toLowerCase()}`),
    )
  })
})

const alice = { authorization: 'Bearer secret-of-alice' }
const bob = { authorization: 'Bearer secret-of-bob' }
const limit = 150

async function post(
  url: string,
  message: string,
  { id = randomUUID(), headers = {} }: { id?: string; headers?: Record<string, string> } = {},
) {
  const response = await fetch(`${url}/api/chat?protocol=text`, {
    method: 'POST',
    headers: { ...alice, ...headers },
    body: JSON.stringify({ id, message }),
  })
  // An answer that fails ends in a reset stream.
  await response.text().catch(() => '')
  return response.status
}

const cast = (url: string, message: string, id: string = randomUUID()) =>
  post(url, message, { id, headers: { prefer: 'respond-async' } })

const manyTimes = <RESULT>(count: number, work: () => Promise<RESULT>) =>
  Promise.all(Array.from({ length: count }, work))

/** The state of servers that must fire an alert. */
interface Cause {
  alert: string
  pairs: ScrapePair[]
  /** The minute at which the alert must fire. @defaultValue 25 */
  minute?: number
}

/** These depend on the speed of the machine, which other tests use too. */
const ofTime = ['LoomEventLoopSlow', 'LoomModelSlow', 'LoomRedisSlow']

it.skipIf(lacksPromtool)(
  'each alert fires after its cause, and not before (it needs promtool)',
  async () => {
    await using model = await openFaultyModel()
    await using stage = await openStage({
      environment: {
        STAGE_BASE_URL: model.url,
        LOOM_API_KEYS: 'alice:secret-of-alice,bob:secret-of-bob',
        LOOM_LIMIT_REQUESTS: `${limit}/600`,
        LOOM_TURNS_MAX: '6',
        LOOM_HEARTBEAT_MS: '1500',
      },
    })
    const [owner, survivor] = [stage.instance(0), stage.instance(1)]
    const { url } = survivor
    const read = (from = url) => scrape(from, alice)
    const causes: Cause[] = []
    const caused = (alerts: string[], before: Scraped, after: Scraped) => {
      const pair = { instance: 'loom-2:3000', before, after }
      causes.push(...alerts.map((alert) => ({ alert, pairs: [pair] })))
    }

    // Nothing is wrong.
    await Promise.all([post(url, 'Hello'), post(owner.url, 'Hello')])
    const [quiet, quietOwner] = await Promise.all([read(), read(owner.url)])
    // The first use of a script, which Redis does not know yet, is no failure.
    expect(quiet.sum('loom_redis_command_failures_total')).toBe(0)
    await Promise.all([post(url, 'Hello'), post(owner.url, 'Hello')])
    const [healthy, healthyOwner] = await Promise.all([read(), read(owner.url)])
    const healthyPairs: ScrapePair[] = [
      { instance: 'loom-2:3000', before: quiet, after: healthy },
      { instance: 'loom-1:3000', before: quietOwner, after: healthyOwner },
    ]

    // Models, tools and clients.
    await Promise.all(['fail', 'fail', 'slow', 'tool', 'tool'].map((message) => post(url, message)))
    const failed = await read()
    caused(['LoomTurnsFail', 'LoomModelFails', 'LoomModelSlow', 'LoomToolFails'], healthy, failed)
    const wrong = { authorization: 'Bearer wrong' }
    await manyTimes(6, () => post(url, 'Hello', { headers: wrong }))
    const refused = await read()
    caused(['LoomAuthenticationFails'], failed, refused)
    await manyTimes(limit + 5, async () => {
      await (await fetch(`${url}/api/agents`, { headers: bob })).text()
    })
    const limited = await read()
    caused(['LoomLimitsHit'], refused, limited)

    // The owner of an answer loses Redis, and dies.
    await cast(owner.url, 'hold')
    await until(10_000, 'the model holds', () => model.held === 1)
    owner.partition()
    let away = await read(owner.url)
    await until(15_000, 'the owner is disconnected', async () => {
      away = await read(owner.url)
      return away.sum('loom_store_connected') === 0
    })
    const ownPlace = { instance: 'loom-1:3000', before: healthyOwner }
    causes.push({ alert: 'LoomStoreDisconnected', pairs: [{ ...ownPlace, after: away }] })
    await owner.kill()
    await expect(read(owner.url)).rejects.toThrow()
    causes.push({ alert: 'LoomInstanceDown', pairs: [{ ...ownPlace, after: undefined }] })
    let taken = limited
    await until(15_000, 'the takeover', async () => {
      taken = await read()
      return taken.sum('loom_takeovers_total', { reason: 'death' }) === 1
    })
    causes.push({
      alert: 'LoomInstanceDied',
      pairs: [{ instance: 'loom-2:3000', before: limited, after: taken, goesOn: false }],
      minute: 10,
    })
    model.release()
    await until(10_000, 'the end of the answer', async () => {
      return (await read()).sum('loom_turns_running') === 0
    })

    // More messages than the instance answers, and an event loop that stands still.
    const id = randomUUID()
    const idle = await read()
    await Promise.all([cast(url, 'hold', id), manyTimes(5, () => cast(url, 'hold'))])
    await until(10_000, 'six answers', () => model.held === 6)
    expect(await manyTimes(3, () => post(url, 'Hello'))).toEqual([503, 503, 503])
    const full = await read()
    caused(['LoomRequestsRefused', 'LoomServerErrors'], idle, full)
    await manyTimes(25, () => cast(url, 'Hello', id))
    const queued = await read()
    caused(['LoomQueueLong'], full, queued)
    // A read that comes late after the pause has more than 100 delays, and their 99th percentile is short.
    let paused = queued
    await until(60_000, 'a read soon after a pause of the event loop', async () => {
      survivor.freeze()
      await delay(500)
      survivor.thaw()
      paused = await read()
      return paused.sum('nodejs_eventloop_lag_p99_seconds') > 0.2
    })
    caused(['LoomEventLoopSlow'], queued, paused)

    // Redis.
    const fast = await read()
    await stage.redis.client.call('client', 'pause', '600', 'ALL')
    await cast(url, 'Hello', id)
    const slow = await read()
    caused(['LoomRedisSlow'], fast, slow)
    await stage.redis.client.config('SET', 'maxmemory', '1')
    expect(await manyTimes(3, () => cast(url, 'Hello', id))).toEqual([503, 503, 503])
    caused(['LoomRedisCommandsFail'], slow, await read())
    await stage.redis.client.config('SET', 'maxmemory', '0')
    model.release()

    expect(causes.map(({ alert }) => alert).toSorted()).toEqual(
      rules.map(({ alert }) => alert).toSorted(),
    )
    const firing = (selector: string) => `count(ALERTS{alertstate="firing",${selector}}) > bool 0`
    const test = {
      rule_files: [ruleFile],
      evaluation_interval: '1m',
      tests: [
        {
          name: 'nothing is wrong',
          interval: '1m',
          input_series: healthyPairs.flatMap((pair) => seriesOf(pair, names)),
          promql_expr_test: [
            {
              expr: `ALERTS{alertstate="firing",alertname!~"${ofTime.join('|')}"}`,
              eval_time: '25m',
              exp_samples: [],
            },
          ],
        },
        ...causes.map(({ alert, pairs, minute = 25 }) => ({
          name: alert,
          interval: '1m',
          input_series: pairs.flatMap((pair) => seriesOf(pair, names)),
          promql_expr_test: [
            {
              expr: firing(`alertname="${alert}"`),
              eval_time: `${minute}m`,
              exp_samples: [{ labels: '{}', value: 1 }],
            },
          ],
        })),
      ],
    }
    const file = join(await newFolder(), 'alerts.test.yml')
    writeFileSync(file, JSON.stringify(test))
    const { code, output } = await promtoolWith(['test', 'rules', file])
    expect(code, output).toBe(0)
  },
)
