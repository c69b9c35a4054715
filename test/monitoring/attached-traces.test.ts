/** The traces of a program with its own tracer provider: tasks, spans of tools, and the code that posts. */
import { context, trace } from '@opentelemetry/api'
import {
  InMemorySpanExporter,
  NodeTracerProvider,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-node'
import { expect, it, onTestFinished } from 'vitest'
import { z } from 'zod'

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
