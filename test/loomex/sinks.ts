/** The sinks and their events. */
import { once } from 'node:events'
import { MessageChannel } from 'node:worker_threads'

import { readUIMessageStream, type UIMessageChunk } from 'ai'
import { Hono } from 'hono'
import { expect } from 'vitest'

import { scriptedModel } from '../../src/entries/testing.ts'
import {
  type AgentEvent,
  defineAgent,
  portSink,
  run,
  type Sink,
  streamAgent,
} from '../../src/index.ts'
import { calculator } from '../../tools/calculator.ts'
import { within } from '../deadline.ts'
import type { Checks } from './row.ts'

const call = { toolName: 'calculator', input: { expr: '6*7' } }

const tutor = () =>
  defineAgent({
    name: 'tutor',
    systemPrompt: 'You teach.',
    tools: [calculator],
    model: scriptedModel([{ toolCalls: [call] }, 'It is 42.']),
  })

async function eventsWith(sinkOf: (receive: (event: AgentEvent) => void) => Sink) {
  const events: AgentEvent[] = []
  await run(tutor(), 'Compute.', { sink: sinkOf((event) => void events.push(event)) })
  return events
}

/** The chunks of a response in the protocol of the AI SDK. */
const chunksIn = (body: string): UIMessageChunk[] =>
  [...body.matchAll(/^data: (\{.*\})$/gm)].map(([, json = '']) => JSON.parse(json))

export const sinkChecks: Checks = {
  '`LoomEx.Sink`, a callback function': async () => {
    const events = await eventsWith((receive) => receive)
    expect([events[0]?.type, events.at(-1)?.type]).toEqual(['start', 'finish'])
  },

  '`LoomEx.Sink`, the messages of a process': async () => {
    const { port1, port2 } = new MessageChannel()
    const received: AgentEvent[] = []
    const finished = once(
      port2.on('message', (event: AgentEvent) => {
        received.push(event)
        if (event.type === 'finish') port2.close()
      }),
      'close',
    )
    await run(tutor(), 'Compute.', { sink: portSink(port1) })
    await within(5000, 'the last event at the other port', finished)
    const here = await eventsWith((receive) => receive)
    expect(received.map(({ type }) => type)).toEqual(here.map(({ type }) => type))
  },

  '`LoomEx.Phoenix.SSESink`, the protocol of `useChat`': async () => {
    const app = new Hono()
    app.post('/', (c) => streamAgent(c, tutor(), [{ role: 'user', content: 'Compute.' }]))
    const body = await (await app.request('/', { method: 'POST' })).text()
    const stream = ReadableStream.from(chunksIn(body))
    let parts: readonly object[] = []
    // It is the function with which `useChat` builds its messages.
    for await (const message of readUIMessageStream({ stream })) parts = message.parts
    expect(parts).toMatchObject([
      { type: 'step-start' },
      { type: 'tool-calculator', state: 'output-available', output: { result: 42 } },
      { type: 'step-start' },
      { type: 'text', text: 'It is 42.' },
    ])
  },

  '`{:text_delta, d}`': async () => {
    const events = await eventsWith((receive) => receive)
    const deltas = events.flatMap((event) => (event.type === 'text-delta' ? [event.delta] : []))
    expect(deltas.length).toBeGreaterThan(1)
    expect(deltas.join('')).toBe('It is 42.')
  },

  '`{:tool_call_complete, tc}`': async () => {
    const events = await eventsWith((receive) => receive)
    expect(events.filter(({ type }) => type === 'tool-input-available')).toMatchObject([call])
  },
}
