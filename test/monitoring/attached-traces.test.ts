/** The traces of a program with its own tracer provider: tasks, spans of tools, and the code that posts. */
import { context, trace } from '@opentelemetry/api'
import {
  InMemorySpanExporter,
  NodeTracerProvider,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-node'
import { expect, it, onTestFinished } from 'vitest'
import { z } from 'zod'

import { publish } from '../../src/ground/telemetry.ts'
import {
  agentTool,
  attachOpenTelemetry,
  defineAgent,
  defineTool,
  Loom,
  openMemoryStore,
} from '../../src/index.ts'
import { until } from '../redis/until.ts'
import { callTool, sayBy } from '../tasks/models.ts'

async function attach() {
  const exporter = new InMemorySpanExporter()
  const provider = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] })
  provider.register()
  const detach = await attachOpenTelemetry()
  onTestFinished(async () => {
    detach()
    trace.disable()
    context.disable()
    await provider.shutdown()
  })
  const spans = () => exporter.getFinishedSpans()
  const named = async (name: string) => {
    const find = () => spans().find((span) => span.name === name)
    await until(10_000, `the span ${name}`, () => find() !== undefined)
    const span = find()
    if (span === undefined) throw new Error(`no span ${name}`)
    return span
  }
  return { spans, named }
}

const look = defineTool({
  name: 'look',
  description: 'Looks.',
  inputSchema: z.object({}),
  execute: () => trace.getTracer('own').startActiveSpan('own work', (span) => (span.end(), 'seen')),
})

const researcher = defineAgent({
  name: 'researcher',
  systemPrompt: 'Research.',
  model: sayBy(({ results }) => (results.length > 0 ? 'Found.' : callTool('look', {}))),
  tools: [look],
})

it('the turn of a task is below the call that starts it, in the trace of the program', async () => {
  const { spans, named } = await attach()
  const chief = defineAgent({
    name: 'chief',
    systemPrompt: 'Lead.',
    model: sayBy(({ results }) =>
      results.length > 0 ? 'Done.' : callTool('researcher', { prompt: 'Go.' }),
    ),
    tools: [agentTool(researcher)],
  })
  const loom = new Loom({ agents: [chief], store: openMemoryStore(), defaultAgent: 'chief' })
  onTestFinished(() => loom.close())
  await trace.getTracer('own').startActiveSpan('our request', async (span) => {
    await loom.startAgent('chief', 'one').call('Please look.')
    span.end()
  })
  const request = await named('our request')
  const turn = await named('turn chief')
  const call = await named('execute_tool researcher')
  const task = await named('turn researcher')
  const run = await named('invoke_agent researcher')
  const tool = await named('execute_tool look')
  const own = await named('own work')
  expect(turn.parentSpanContext?.spanId).toBe(request.spanContext().spanId)
  expect(task.parentSpanContext?.spanId).toBe(call.spanContext().spanId)
  expect(run.parentSpanContext?.spanId).toBe(task.spanContext().spanId)
  expect(own.parentSpanContext?.spanId).toBe(tool.spanContext().spanId)
  const traces = new Set(spans().map((span) => span.spanContext().traceId))
  expect(traces.size).toBe(1)
  expect(task.attributes['loom.session.root']).toBe('one')
})

it('a takeover whose turn never begins is forgotten after a thousand later ones', async () => {
  const { named } = await attach()
  const labels = (sessionId: string) => () => ({
    agent: `agent-of-${sessionId}`,
    sessionId,
    rootSessionId: sessionId,
    messageId: 'm1',
    instance: 'i1',
  })
  for (let index = 0; index <= 1000; index++) {
    publish('turn:takeover', labels(`s${index}`), () => [
      { deaths: 1 },
      { from: 'i0', reason: 'death' as const },
    ])
  }
  const reasonOf = async (sessionId: string) => {
    publish('turn:start', labels(sessionId), () => [{}, {}])
    publish('turn:stop', labels(sessionId), () => [
      { durationMs: 1 },
      { reason: 'finished' as const },
    ])
    return (await named(`turn agent-of-${sessionId}`)).attributes['loom.takeover.reason']
  }
  expect(await reasonOf('s0')).toBeUndefined()
  expect(await reasonOf('s1')).toBe('death')
  expect(await reasonOf('s1000')).toBe('death')
})
