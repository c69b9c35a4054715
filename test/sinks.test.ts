import { setImmediate as nextTurn } from 'node:timers/promises'
import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads'

import { beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { z } from 'zod'

import { defineTool } from '../src/define-tool.ts'
import type { AgentEvent } from '../src/event.ts'
import { run } from '../src/runner.ts'
import { portSink } from '../src/sink/port.ts'
import { calculator } from '../tools/calculator.ts'
import { within } from './deadline.ts'
import { endless, settled } from './endless-model.ts'
import { expectWellFormed } from './event-grammar.ts'
import { agentOf, models, record, watchRejections } from './recorded-run.ts'
import { calls, directScriptedModel, hangs, says, scriptedModel, words } from './scripted-model.ts'

beforeEach(watchRejections)

describe('a callback', () => {
  it('a run waits for the promise of its sink', async () => {
    let inside = 0
    const most: number[] = []
    const sink = async () => {
      most.push(++inside)
      await nextTurn()
      inside--
    }
    for (const open of [scriptedModel, directScriptedModel]) {
      const model = open(says('One two three.'))
      await record(agentOf({ model }), 'Hi', { sink })
    }
    expect(Math.max(...most)).toBe(1)
  })

  it('a sink delays the model too', async () => {
    const gate = Promise.withResolvers<void>()
    const { source, given } = endless()
    const stop = new AbortController()
    const running = record(agentOf({ model: scriptedModel(source) }), 'Hi', {
      signal: stop.signal,
      sink: (event) => (event.type === 'text-delta' ? gate.promise : undefined),
    })
    const held = await settled(given)
    // The parts that streams keep between model and runner, and no more.
    expect(held).toBeLessThan(10)
    stop.abort()
    gate.resolve()
    await running
  })

  const broken = new Error('the socket is gone')
  it.each([
    ['throws', () => AbortSignal.abort(broken).throwIfAborted()],
    ['rejects', () => Promise.reject(broken)],
  ])('a sink that %s ends the run with its error', async (_how, fail) => {
    for (const open of [scriptedModel, directScriptedModel]) {
      for (const at of ['start', 'start-step', 'text-start', 'text-delta', 'text-end', 'finish']) {
        const told: string[] = []
        const model = open(says('One two three.'), says('Never.'))
        const running = run(agentOf({ model }), 'Hi', {
          models,
          sink: ({ type }) => {
            told.push(type)
            return type === at ? fail() : undefined
          },
        })
        await expect(within(1000, `a sink that fails at ${at}`, running)).rejects.toBe(broken)
        expect(told.at(-1)).toBe(at)
        expect(model.asked.length).toBeLessThan(2)
      }
    }
  })

  it.each([
    ['of the AI SDK', scriptedModel],
    ["of Loom's own", directScriptedModel],
  ])('a failed sink aborts a model %s', async (_whose, open) => {
    const model = open(hangs(words('One two three.')))
    const sink = ({ type }: AgentEvent) => {
      if (type === 'text-delta') throw broken
    }
    const running = run(agentOf({ model }), 'Hi', { models, sink })
    await expect(within(1000, 'the run', running)).rejects.toBe(broken)
    expect(model.asked[0]?.abortSignal?.aborted).toBe(true)
  })

  it('a failed sink aborts the tools and receives nothing more', async () => {
    const signals: AbortSignal[] = []
    const tool = defineTool({
      name: 'work',
      description: 'Works.',
      inputSchema: z.object({ n: z.number() }),
      execute: ({ n }, { signal }) => {
        signals.push(signal)
        return n === 0 ? 'done' : Promise.withResolvers<never>().promise
      },
    })
    const told: string[] = []
    const model = scriptedModel(calls(['work', { n: 1 }], ['work', { n: 0 }], ['work', { n: 2 }]))
    const running = run(agentOf({ tools: [tool], model }), 'Hi', {
      models,
      sink: ({ type }) => {
        told.push(type)
        if (type === 'tool-output-available') throw broken
      },
    })
    await expect(within(1000, 'the run', running)).rejects.toBe(broken)
    await nextTurn()
    expect(signals.map(({ aborted }) => aborted)).toEqual([true, true, true])
    expect(told.at(-1)).toBe('tool-output-available')
  })
})

async function receive(port: MessagePort | Worker): Promise<AgentEvent[]> {
  const events: AgentEvent[] = []
  const { promise, resolve, reject } = Promise.withResolvers<AgentEvent[]>()
  port.on('message', (event: AgentEvent) => {
    events.push(event)
    if (event.type === 'finish') resolve(events)
  })
  port.on('error', reject)
  return within(10_000, 'the last event', promise)
}

describe('a message port', () => {
  it('a message port receives equal events', async () => {
    const { port1, port2 } = new MessageChannel()
    onTestFinished(() => port1.close())
    const received = receive(port2)
    const model = scriptedModel(calls(['calculator', { expr: '6*7' }]), says('It is 42.'))
    const agent = agentOf({ tools: [calculator], model })
    const { events } = await record(agent, 'Hi', { sink: portSink(port1) })
    expect(await received).toEqual(events)
  })

  it('a message port carries a run from a worker', async () => {
    const worker = new Worker(new URL('./fixtures/run-in-worker.ts', import.meta.url))
    onTestFinished(() => void worker.terminate())
    const events = await receive(worker)
    expectWellFormed(events)
    expect(JSON.stringify(events)).toContain('{"result":42}')
  })
})
