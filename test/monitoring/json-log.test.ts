/** The JSON log of a server: which lines it has, their ids, and what they never contain. */
import { randomUUID } from 'node:crypto'

import { afterEach, describe, expect, it } from 'vitest'

import { addressOf, endProcesses, type LoomProcess, startLoom } from '../loom-process.ts'
import { until } from '../redis/until.ts'
import { openStage } from '../sessions/stage.ts'
import { userMessage } from '../sessions/world.ts'

afterEach(endProcesses)

const json = { LOOM_LOG_FORMAT: 'json' }

const start = (variables: Record<string, string> = {}) =>
  startLoom({ LOOM_STORE: 'memory', LOOM_MODEL: 'demo/fast', ...json, ...variables })

type Line = Record<string, unknown>

/** Every whole line is JSON. */
const linesIn = (stderr: string): Line[] =>
  stderr
    .split('\n')
    .slice(0, -1)
    .map((line): Line => JSON.parse(line))

async function lineOf(
  stderr: () => string,
  event: string,
  fields: Record<string, unknown> = {},
): Promise<Line> {
  const find = () =>
    linesIn(stderr()).find((line) =>
      Object.entries({ event, ...fields }).every(([name, value]) => line[name] === value),
    )
  await until(10_000, `a line ${event} ${JSON.stringify(fields)}`, () => find() !== undefined)
  return find() ?? {}
}

const errorsOf = (loom: LoomProcess) => () => loom.output().stderr

describe('the JSON log', () => {
  it('names the request, the session, the message and the principal of a post', async () => {
    const loom = start({ LOOM_API_KEYS: 'ada:first-secret-key' })
    const url = await addressOf(loom)
    const id = randomUUID()
    const response = await fetch(`${url}/api/chat?profile=v7`, {
      method: 'POST',
      headers: { authorization: 'Bearer first-secret-key', 'x-request-id': 'proxy-17' },
      body: JSON.stringify({ id, message: 'A very private question: what is 12345 * 6789?' }),
    })
    expect(response.headers.get('x-request-id')).toBe('proxy-17')
    expect(await response.text()).toContain('83810205')
    const request = await lineOf(errorsOf(loom), 'request', { requestId: 'proxy-17' })
    expect(request).toEqual({
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
      level: 'info',
      pid: expect.any(Number),
      hostname: expect.any(String),
      event: 'request',
      requestId: 'proxy-17',
      sessionId: id,
      messageId: expect.any(String),
      principal: 'ada',
      method: 'POST',
      route: '/api/chat',
      status: 200,
      headMs: expect.any(Number),
      durationMs: expect.any(Number),
    })
    const turn = await lineOf(errorsOf(loom), 'turn', { messageId: request['messageId'] })
    expect(turn).toMatchObject({
      level: 'info',
      agent: 'assistant',
      outcome: 'finished',
      sessionId: id,
      principal: 'ada',
      durationMs: expect.any(Number),
      instance: expect.any(String),
    })
    // Ids and times contain each short number now and then.
    for (const secret of ['private', 'first-secret-key', '83810205', 'profile=v7'])
      expect(loom.output().stderr).not.toContain(secret)
  })

  it('has a line for a failed authentication, and none for a check', async () => {
    const loom = start({ LOOM_API_KEYS: 'ada:first-secret-key' })
    const url = await addressOf(loom)
    await fetch(`${url}/healthz`)
    const headers = { authorization: 'Bearer a-guessed-key', 'x-request-id': 'no id: {"a"}' }
    const refused = await fetch(`${url}/api/chat/some`, { headers })
    expect(refused.status).toBe(401)
    const requestId = refused.headers.get('x-request-id') ?? ''
    expect(requestId).toMatch(/^[\da-f-]{36}$/)
    const failed = await lineOf(errorsOf(loom), 'authentication-failed', { requestId })
    expect(failed).toMatchObject({ level: 'warn', address: expect.stringContaining('127.0.0.1') })
    const request = await lineOf(errorsOf(loom), 'request', { requestId })
    expect(request).toMatchObject({ route: '/api/chat/:id', status: 401, code: 'unauthorized' })
    expect(linesIn(loom.output().stderr).map((line) => line['route'])).not.toContain('/healthz')
    expect(loom.output().stderr).not.toContain('guessed')
  })

  it('names the sender of every request, also of one that is refused', async () => {
    const loom = start({
      LOOM_API_KEYS: 'ada/read:first-secret-key',
      LOOM_OPERATOR_KEYS: 'ops:key-of-the-operator',
      LOOM_LIMIT_REQUESTS: '2/600',
    })
    const url = await addressOf(loom)
    const ask = (path: string, key: string, more: RequestInit = {}) =>
      fetch(`${url}${path}`, { ...more, headers: { authorization: `Bearer ${key}` } })
    const senders = async (status: number, sender: Record<string, unknown>) => {
      const line = await lineOf(errorsOf(loom), 'request', { status, ...sender })
      expect(line).toMatchObject(sender)
    }
    await ask('/api/agents', 'first-secret-key')
    await senders(200, { principal: 'ada', route: '/api/agents' })
    await ask('/api/chat', 'first-secret-key', { method: 'POST', body: '{}' })
    await senders(403, { principal: 'ada' })
    // A request without the scope of its route does not count.
    for (let more = 0; more < 2; more++) await ask('/api/agents', 'first-secret-key')
    await senders(429, { principal: 'ada' })
    await ask('/api/admin/sessions', 'key-of-the-operator')
    await senders(200, { operator: 'ops', route: '/api/admin/sessions' })
  })

  it('has a line for a turn that failed, with the error of the provider and without its key', async () => {
    const environment = {
      LOOM_MODEL: 'broken/model',
      BROKEN_BASE_URL: 'http://127.0.0.1:1/v1',
      BROKEN_API_KEY: 'key-of-the-provider',
    }
    const loom = start(environment)
    const url = await addressOf(loom)
    const message = 'Hello'
    await (
      await fetch(`${url}/api/chat`, { method: 'POST', body: JSON.stringify({ message }) })
    ).text()
    const turn = await lineOf(errorsOf(loom), 'turn')
    expect(turn).toMatchObject({ level: 'error', outcome: 'error', error: expect.any(String) })
    expect(loom.output().stderr).not.toContain('key-of-the-provider')
  })

  it('has a line for a takeover', async () => {
    await using stage = await openStage({ environment: json })
    const [owner, survivor] = [stage.instance(0), stage.instance(1)]
    const id = randomUUID()
    const posted = await fetch(`${owner.url}/api/chat`, {
      method: 'POST',
      headers: { prefer: 'respond-async' },
      body: JSON.stringify({ id, messages: [userMessage('steps: 1, hold')] }),
    })
    await posted.text()
    await until(20_000, 'the model holds', () => stage.upstream.held === 1)
    await owner.kill()
    stage.upstream.letGo()
    const takeover = await lineOf(() => survivor.errors(), 'takeover')
    expect(takeover).toMatchObject({ reason: 'death', sessionId: id, deaths: 1 })
    const turn = await lineOf(() => survivor.errors(), 'turn', { messageId: takeover['messageId'] })
    expect(turn).toMatchObject({ outcome: 'finished', instance: takeover['instance'] })
  })

  it('ends with the last line before the process ends', async () => {
    const loom = start()
    const url = await addressOf(loom)
    await (await fetch(`${url}/api/chat/nowhere`, { headers: { 'x-request-id': 'last' } })).text()
    loom.child.kill('SIGTERM')
    expect(await loom.exited).toBe(0)
    const lines = linesIn(loom.output().stderr)
    expect(lines.some((line) => line['requestId'] === 'last')).toBe(true)
  })
})

describe('the text log', () => {
  it('has no lines of requests', async () => {
    const loom = start({ LOOM_LOG_FORMAT: 'text' })
    const url = await addressOf(loom)
    const response = await fetch(`${url}/api/chat/nowhere`)
    expect(response.headers.get('x-request-id')).toMatch(/^[\da-f-]{36}$/)
    expect(loom.output().stderr).toBe('')
  })
})
