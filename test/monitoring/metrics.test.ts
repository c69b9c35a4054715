/** The metrics of servers as Prometheus reads them: their counts, their format, and who may read them. */
import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

import { afterEach, describe, expect, it, onTestFinished } from 'vitest'

import { LabelValues } from '../../src/server/metrics/label-values.ts'
import { addressOf, endProcesses, startLoom } from '../loom-process.ts'
import { until } from '../redis/until.ts'
import { openStage } from '../sessions/stage.ts'
import { userMessage } from '../sessions/world.ts'
import { lacksPromtool, promtoolWith } from './promtool.ts'
import { readMetrics, scrape } from './scraped.ts'

afterEach(endProcesses)

const start = (variables: Record<string, string> = {}) =>
  addressOf(startLoom({ LOOM_STORE: 'memory', LOOM_MODEL: 'demo/fast', ...variables }))

async function ask(url: string, body: object, headers: Record<string, string> = {}) {
  const response = await fetch(`${url}/api/chat?protocol=text`, {
    method: 'POST',
    body: JSON.stringify(body),
    headers,
  })
  return { status: response.status, text: await response.text() }
}

describe('the metrics of a server', () => {
  it('count a turn with its steps, tokens, tool calls and request', async () => {
    const url = await start()
    const { text } = await ask(url, { message: 'What is 12 * 34?' })
    expect(text).toContain('408')
    const { sum } = await scrape(url)
    const agent = { agent: 'assistant' }
    expect(sum('loom_turns_total', { ...agent, outcome: 'finished' })).toBe(1)
    expect(sum('loom_turn_duration_seconds_count', agent)).toBe(1)
    expect(sum('loom_turns_running')).toBe(0)
    expect(sum('loom_queue_wait_seconds_count', agent)).toBe(1)
    expect(sum('loom_runs_total', { ...agent, result: 'finished' })).toBe(1)
    expect(sum('loom_steps_total', agent)).toBe(2)
    expect(
      sum('loom_tokens_total', { ...agent, model: 'demo/fast', kind: 'input' }),
    ).toBeGreaterThan(0)
    expect(sum('loom_model_call_duration_seconds_count', { model: 'demo/fast' })).toBe(2)
    expect(sum('loom_time_to_first_token_seconds_count', { model: 'demo/fast' })).toBe(2)
    expect(sum('loom_tool_duration_seconds_count', { tool: 'calculator', outcome: 'ok' })).toBe(1)
    const post = { method: 'POST', route: '/api/chat', status: '200' }
    expect(sum('loom_http_requests_total', post)).toBe(1)
    expect(sum('nodejs_eventloop_lag_p99_seconds')).toBeGreaterThan(0)
    expect(sum('process_resident_memory_bytes')).toBeGreaterThan(0)
  })

  it('have no session, tenant or text of a user', async () => {
    const keys = { LOOM_API_KEYS: 'tenant-one:first-secret-key' }
    const url = await start(keys)
    const authorization = 'Bearer first-secret-key'
    const id = randomUUID()
    await ask(url, { id, message: 'A very private question' }, { authorization })
    await fetch(`${url}/api/chat/${id}/messages`, { headers: { authorization } })
    await fetch(`${url}/no/such-path-${id}`)
    const { text, sum } = await scrape(url, { authorization })
    const messages = { route: '/api/chat/:id/messages', status: '200' }
    expect(sum('loom_http_requests_total', messages)).toBe(1)
    expect(sum('loom_http_requests_total', { route: 'none', status: '404' })).toBe(1)
    for (const secret of [id, 'tenant-one', 'first-secret-key', 'private', 'such-path'])
      expect(text).not.toContain(secret)
  })

  it('count the requests that a limit or an error ended', async () => {
    const url = await start()
    const large = await ask(url, { message: 'a'.repeat(12_000_000) })
    expect(large.status).toBe(413)
    expect((await ask(url, { message: 'Hello', agent: 'nobody' })).status).toBe(404)
    const { sum } = await scrape(url)
    expect(sum('loom_limits_hit_total', { limit: 'payload-too-large' })).toBe(1)
    expect(sum('loom_http_errors_total', { code: 'unknown-agent' })).toBe(1)
  })
})

describe('the metrics of two instances', () => {
  it('show readers, queues, pauses, Redis and a takeover', async () => {
    await using stage = await openStage({ paceMs: 20 })
    const [owner, survivor] = [stage.instance(0), stage.instance(1)]
    const id = randomUUID()
    const cast = (wish: string) =>
      fetch(`${owner.url}/api/chat`, {
        method: 'POST',
        headers: { prefer: 'respond-async' },
        body: JSON.stringify({ id, messages: [userMessage(wish)] }),
      })
    await (await cast('steps: 2, hold at 2')).text()
    await until(20_000, 'the model holds', () => stage.upstream.held === 1)
    await (await cast('steps: 1')).text()
    const reader = new AbortController()
    onEnd(reader)
    const reading = await fetch(`${owner.url}/api/chat/${id}/stream`, { signal: reader.signal })
    expect(reading.status).toBe(200)
    await until(8000, 'the reader is counted', async () => {
      return (await scrape(owner.url)).sum('loom_readers_open') === 1
    })
    const before = await scrape(owner.url)
    expect(before.sum('loom_turns_running')).toBe(1)
    expect(before.sum('loom_queue_letters')).toBe(1)
    expect(before.sum('loom_oldest_turn_seconds')).toBeGreaterThan(0)
    expect(
      before.sum('loom_redis_command_duration_seconds_count', { command: 'append' }),
    ).toBeGreaterThan(1)
    expect(before.sum('loom_token_gap_seconds_count', { model: 'stage/model' })).toBeGreaterThan(0)
    reader.abort()
    await until(8000, 'the reader is gone', async () => {
      return (await scrape(owner.url)).sum('loom_readers_open') === 0
    })
    await owner.kill()
    stage.upstream.letGo()
    await until(20_000, 'both answers', async () => {
      return (await scrape(survivor.url)).sum('loom_turns_total', { outcome: 'finished' }) === 2
    })
    const after = await scrape(survivor.url)
    expect(after.sum('loom_takeovers_total', { reason: 'death' })).toBe(1)
    const silence = { reason: 'death' }
    expect(after.sum('loom_takeover_silence_seconds_count', silence)).toBe(1)
    // The heartbeat of a stage expires after 0.6 s, and a takeover needs 0.4 s of silence.
    expect(after.sum('loom_takeover_silence_seconds_sum', silence)).toBeGreaterThan(0.3)
    // The second message waited behind the first, from its post to the end of the first answer.
    expect(after.sum('loom_queue_wait_seconds_sum')).toBeGreaterThan(0.3)
    expect(after.sum('loom_queue_letters')).toBe(0)
  })
})

/** Ends the stream of a reader also if the test fails. */
function onEnd(reader: AbortController): void {
  onTestFinished(() => reader.abort())
}

describe('the format of the metrics', () => {
  it('has one type for each family, and ascending buckets', async () => {
    const url = await start()
    await ask(url, { message: 'Tell me a long story about the sea.' })
    const { samples, types } = await scrape(url)
    expect(types.get('loom_turns_total')).toBe('counter')
    const family = (name: string) =>
      types.has(name) ? name : name.replace(/_(?:bucket|sum|count)$/, '')
    expect(samples.filter(({ name }) => !types.has(family(name)))).toEqual([])
    const last = new Map<string, number>()
    for (const { name, labels, value } of samples.filter(({ name }) => name.endsWith('_bucket'))) {
      const { le, ...others } = labels
      const series = name + JSON.stringify(others)
      expect(value, `${series} ${le}`).toBeGreaterThanOrEqual(last.get(series) ?? 0)
      last.set(series, value)
    }
    expect(last.size).toBeGreaterThan(3)
  })

  it.skipIf(lacksPromtool)('passes promtool (it needs promtool)', async () => {
    const url = await start()
    await ask(url, { message: 'What is 12 * 34?' })
    const { text } = await scrape(url)
    const own = readMetrics(text).samples.filter(({ name }) => name.startsWith('loom_'))
    expect(own.length).toBeGreaterThan(50)
    const { code, output } = await promtoolWith(['check', 'metrics'], text)
    // The linter knows the names of Loom. Those of Node.js and of the process are the library's.
    expect(output.split('\n').filter((line) => line.startsWith('loom_'))).toEqual([])
    expect([0, 3], output).toContain(code)
  })

  it('a label has a bounded number of values', () => {
    const values = new LabelValues(2)
    expect(['a', 'b', 'c', 'a', 'd'].map((name) => values.of(name))).toEqual([
      'a',
      'b',
      'other',
      'a',
      'other',
    ])
  })
})

describe('the access to the metrics', () => {
  const status = async (url: string, headers: Record<string, string> = {}) =>
    (await fetch(`${url}/metrics`, { headers })).status

  it('needs a key if the server has keys', async () => {
    const url = await start({ LOOM_API_KEYS: 'first-secret-key' })
    expect(await status(url)).toBe(401)
    expect(await status(url, { authorization: 'Bearer other-secret-key' })).toBe(401)
    expect(await status(url, { authorization: 'Bearer first-secret-key' })).toBe(200)
  })

  it('needs no key with LOOM_METRICS=open', async () => {
    const url = await start({ LOOM_API_KEYS: 'first-secret-key', LOOM_METRICS: 'open' })
    expect(await status(url)).toBe(200)
  })

  it('is nothing with LOOM_METRICS=off', async () => {
    expect(await status(await start({ LOOM_METRICS: 'off' }))).toBe(404)
  })
})

describe('the page about monitoring', () => {
  it('describes each metric of Loom, and no other', async () => {
    const url = await start()
    const { types } = await scrape(url)
    const page = readFileSync(join(import.meta.dirname, '../../docs/monitoring.md'), 'utf8')
    const documented = [...page.matchAll(/^\| `(loom_\w+)`/gm)].map(([, name = '']) => name)
    const served = [...types.keys()].filter((name) => name.startsWith('loom_'))
    expect(documented.toSorted()).toEqual(served.toSorted())
  })
})
