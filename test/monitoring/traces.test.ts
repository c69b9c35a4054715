/** The traces of servers as a collector receives them: their spans, their parents, and what they never contain. */
import { randomUUID } from 'node:crypto'

import { afterEach, describe, expect, it } from 'vitest'

import { addressOf, endProcesses, startLoom } from '../loom-process.ts'
import { until } from '../redis/until.ts'
import { openStage } from '../sessions/stage.ts'
import { userMessage } from '../sessions/world.ts'
import { type Collector, openCollector, type ReceivedSpan } from './collector.ts'

afterEach(endProcesses)

const start = (collector: Collector, variables: Record<string, string> = {}) =>
  startLoom({
    LOOM_STORE: 'memory',
    LOOM_MODEL: 'demo/fast',
    ...collector.environment,
    ...variables,
  })

const traceId = '4bf92f3577b34da6a3ce929d0e0e4736'
const sender = '00f067aa0ba902b7'
const traceparent = `00-${traceId}-${sender}-01`

/** The only span with this name. */
async function only(collector: Collector, name: string): Promise<ReceivedSpan> {
  const [first, ...others] = await collector.named(name)
  expect(others).toEqual([])
  if (first === undefined) throw new Error(`no span ${name}`)
  return first
}

describe('the traces of a server', () => {
  it('lead from the request of a client to the tool call', async () => {
    await using collector = await openCollector()
    const loom = start(collector, {
      LOOM_API_KEYS: 'ada:first-secret-key',
      OTEL_SERVICE_NAME: 'our-agents',
      OTEL_EXPORTER_OTLP_HEADERS: 'authorization=Bearer%20collector-key',
    })
    const url = await addressOf(loom)
    const id = randomUUID()
    const response = await fetch(`${url}/api/chat`, {
      method: 'POST',
      headers: { traceparent, authorization: 'Bearer first-secret-key' },
      body: JSON.stringify({ id, message: 'A very private question: what is 12 * 34?' }),
    })
    expect(await response.text()).toContain('408')
    const request = await only(collector, 'POST /api/chat')
    const turn = await only(collector, 'turn assistant')
    const run = await only(collector, 'invoke_agent assistant')
    const [first, second] = [await only(collector, 'step 1'), await only(collector, 'step 2')]
    const chats = await collector.named('chat fast', 2)
    const tool = await only(collector, 'execute_tool calculator')
    expect(collector.spans.filter((span) => span.traceId !== traceId)).toEqual([])
    expect(request.parentSpanId).toBe(sender)
    expect(turn.parentSpanId).toBe(request.spanId)
    expect(run.parentSpanId).toBe(turn.spanId)
    expect([first.parentSpanId, second.parentSpanId]).toEqual([run.spanId, run.spanId])
    expect(chats.map(({ parentSpanId }) => parentSpanId)).toEqual([first.spanId, second.spanId])
    expect(tool.parentSpanId).toBe(first.spanId)
    expect(request.attributes).toMatchObject({
      'http.route': '/api/chat',
      'http.response.status_code': 200,
      'gen_ai.conversation.id': id,
      'loom.tenant': 'ada',
    })
    expect(turn.attributes).toMatchObject({
      'loom.turn.outcome': 'finished',
      'gen_ai.conversation.id': id,
    })
    expect(chats[0]?.attributes).toMatchObject({
      'gen_ai.operation.name': 'chat',
      'gen_ai.provider.name': 'demo',
      'gen_ai.request.model': 'fast',
      'gen_ai.usage.input_tokens': expect.any(Number),
    })
    expect(tool.attributes).toMatchObject({
      'gen_ai.operation.name': 'execute_tool',
      'gen_ai.tool.name': 'calculator',
    })
    expect(tool.service).toMatchObject({ 'service.name': 'our-agents' })
    expect(collector.requests[0]).toMatchObject({
      path: '/v1/traces',
      authorization: 'Bearer collector-key',
    })
    const sent = collector.requests.map(({ body }) => body.toString()).join()
    for (const secret of ['private', '12 * 34', 'first-secret-key', 'collector-key'])
      expect(sent).not.toContain(secret)
  })

  it('begin a trace without a sender, and mark an error without its text', async () => {
    await using collector = await openCollector()
    const url = await addressOf(
      start(collector, {
        LOOM_MODEL: 'gone/model',
        // It answers 404 there.
        GONE_BASE_URL: collector.environment['OTEL_EXPORTER_OTLP_ENDPOINT'] ?? '',
        GONE_API_KEY: 'key',
      }),
    )
    const response = await fetch(`${url}/api/chat`, {
      method: 'POST',
      headers: { traceparent: '00-zero-zero-01' },
      body: JSON.stringify({ message: 'Hello' }),
    })
    await response.text()
    await fetch(`${url}/healthz`)
    const turn = await only(collector, 'turn assistant')
    const request = await only(collector, 'POST /api/chat')
    expect(request.parentSpanId).toBe('')
    expect(turn.traceId).toBe(request.traceId)
    expect(turn.status.code).toBe(2)
    expect(turn.attributes['error.type']).toBe('_OTHER')
    expect(
      collector.spans.map(({ name }) => name).filter((name) => name.includes('health')),
    ).toEqual([])
  })

  it('are sent as protobuf by default, and the last ones at the end', async () => {
    await using collector = await openCollector()
    const loom = start(collector, {
      OTEL_EXPORTER_OTLP_PROTOCOL: '',
      OTEL_BSP_SCHEDULE_DELAY: '60000',
    })
    const url = await addressOf(loom)
    await (await fetch(`${url}/api/agents`)).text()
    loom.child.kill('SIGTERM')
    expect(await loom.exited).toBe(0)
    expect(collector.requests).toHaveLength(1)
    expect(collector.requests[0]?.type).toBe('application/x-protobuf')
    expect(collector.requests[0]?.body.toString('latin1')).toContain('GET /api/agents')
  })

  it('follow the sampler of the environment', async () => {
    await using collector = await openCollector()
    const loom = start(collector, { OTEL_TRACES_SAMPLER: 'always_off' })
    const url = await addressOf(loom)
    await (await fetch(`${url}/api/agents`)).text()
    loom.child.kill('SIGTERM')
    expect(await loom.exited).toBe(0)
    expect(collector.requests).toEqual([])
  })

  it('a collector that is away is one line for the operator', async () => {
    const loom = startLoom({
      LOOM_STORE: 'memory',
      LOOM_MODEL: 'demo/fast',
      OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://127.0.0.1:1/v1/traces',
      OTEL_EXPORTER_OTLP_TIMEOUT: '200',
      OTEL_BSP_SCHEDULE_DELAY: '20',
    })
    const url = await addressOf(loom)
    await (await fetch(`${url}/api/agents`)).text()
    await until(20_000, 'the line', () => loom.output().stderr.includes('OpenTelemetry'))
    expect(loom.output().stderr).toContain('ECONNREFUSED')
    expect((await fetch(`${url}/api/agents`)).status).toBe(200)
  })
})

describe('the trace of two instances', () => {
  it('is one before and after the death of the owner', async () => {
    await using collector = await openCollector()
    const { environment } = collector
    await using stage = await openStage({ environment, paceMs: 5 })
    const [owner, survivor] = [stage.instance(0), stage.instance(1)]
    const id = randomUUID()
    const posted = await fetch(`${owner.url}/api/chat`, {
      method: 'POST',
      headers: { prefer: 'respond-async', traceparent },
      body: JSON.stringify({ id, messages: [userMessage('steps: 2, hold at 2')] }),
    })
    await posted.text()
    await until(20_000, 'the model holds', () => stage.upstream.held === 1)
    const request = await only(collector, 'POST /api/chat')
    // The owner sends the finished step before its death. Its turn never ends.
    const lost = await only(collector, 'step 1')
    await owner.kill()
    stage.upstream.letGo()
    const turn = await only(collector, 'turn assistant')
    expect(turn.attributes).toMatchObject({
      'loom.turn.outcome': 'finished',
      'loom.takeover.reason': 'death',
      'loom.takeover.from': expect.any(String),
      'gen_ai.conversation.id': id,
    })
    const run = await only(collector, 'invoke_agent assistant')
    expect([request.traceId, lost.traceId, turn.traceId, run.traceId]).toEqual(
      Array.from({ length: 4 }, () => traceId),
    )
    expect(request.parentSpanId).toBe(sender)
    expect(turn.parentSpanId).toBe(request.spanId)
    expect(run.parentSpanId).toBe(turn.spanId)
    expect(turn.service['service.name']).toBe('loom')
    const inspected = await fetch(`${survivor.url}/api/chat/${id}/inspect`)
    const { inspectedBy, turn: taken, log, calls } = JSON.parse(await inspected.text())
    expect(taken).toMatchObject({
      owner: inspectedBy,
      ownerState: 'none',
      takeovers: [{ at: expect.any(Number), from: turn.attributes['loom.takeover.from'] }],
    })
    expect(log.claims).toHaveLength(2)
    expect(log).toMatchObject({ finished: true })
    expect(calls).toMatchObject([{ toolName: 'calculator', state: 'done' }])
  })
})
