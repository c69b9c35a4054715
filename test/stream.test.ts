import { setImmediate as nextTurn } from 'node:timers/promises'

import { beforeEach, describe, expect, it } from 'vitest'

import type { AgentEvent } from '../src/event.ts'
import { stream } from '../src/index.ts'
import { calculator } from '../tools/calculator.ts'
import { within } from './deadline.ts'
import { endless, settled } from './endless-model.ts'
import { expectWellFormed } from './event-grammar.ts'
import { answers } from './model-failures.ts'
import { agentOf, models, typesOf, watchRejections } from './recorded-run.ts'
import { calls, hangs, says, scriptedModel, words } from './scripted-model.ts'

beforeEach(watchRejections)

describe('a stream', () => {
  it('a stream has events and a result', async () => {
    const model = scriptedModel(calls(['calculator', { expr: '6*7' }]), says('It is 42.'))
    const running = stream(agentOf({ tools: [calculator], model }), 'What is 6 * 7?', { models })
    const events: AgentEvent[] = []
    for await (const event of running) events.push(event)
    expectWellFormed(events)
    expect(await running.result).toMatchObject({ text: 'It is 42.', steps: 2 })
    expect(model.asked).toHaveLength(2)
  })

  it('events arrive as they happen', async () => {
    const gate = Promise.withResolvers<void>()
    const model = scriptedModel(async function* () {
      yield* words('Wait')
      await gate.promise
      yield* says(' for it.')
    })
    for await (const { type } of stream(agentOf({ model }), 'Hi', { models })) {
      if (type === 'text-delta') gate.resolve()
    }
    await gate.promise
  })

  it('the run begins with the loop', async () => {
    const model = scriptedModel(says('Hello.'))
    const running = stream(agentOf({ model }), 'Hi', { models })
    await nextTurn()
    expect(model.asked).toHaveLength(0)
    for await (const event of running) expect(event.type).toBeTypeOf('string')
    expect(model.asked).toHaveLength(1)
  })

  it('the result needs no loop', async () => {
    const model = scriptedModel(says('word '.repeat(1000)))
    const { result } = stream(agentOf({ model }), 'Hi', { models })
    expect(await within(5000, 'the result', result)).toMatchObject({ outcome: 'finished' })
  })

  it('a stream can be looped over once', async () => {
    const running = stream(agentOf({ model: scriptedModel(says('Hi.')) }), 'Hi', { models })
    for await (const event of running) expect(event.type).toBeTypeOf('string')
    expect(() => running[Symbol.asyncIterator]()).toThrow(/only once/)
  })

  it('an early end of the loop stops the run', async () => {
    const model = scriptedModel(hangs(words('One two three')))
    const running = stream(agentOf({ model }), 'Hi', { models })
    for await (const { type } of running) if (type === 'text-delta') break
    await expect(within(1000, 'the run', running.result)).rejects.toMatchObject({
      code: 'aborted',
      result: { outcome: 'aborted' },
    })
    expect(model.asked[0]?.abortSignal?.aborted).toBe(true)
  })

  it('the loop can end while it waits', async () => {
    const model = scriptedModel(hangs([]))
    const running = stream(agentOf({ model }), 'Hi', { models })
    const events = running[Symbol.asyncIterator]()
    for (const type of ['start', 'start-step']) {
      expect(await events.next()).toMatchObject({ value: { type } })
    }
    const waiting = events.next()
    expect(await within(1000, 'return', Promise.resolve(events.return?.()))).toEqual({
      done: true,
      value: undefined,
    })
    expect(await within(1000, 'next', waiting)).toEqual({ done: true, value: undefined })
    await expect(running.result).rejects.toMatchObject({ code: 'aborted' })
  })

  it('a cancelled web stream stops the run', async () => {
    const model = scriptedModel(hangs(words('One')))
    const running = stream(agentOf({ model }), 'Hi', { models })
    const reader = ReadableStream.from(running).getReader()
    await reader.read()
    await within(1000, 'cancel', reader.cancel())
    await expect(running.result).rejects.toMatchObject({ code: 'aborted' })
  })

  it('the loop throws the run’s error after the last event', async () => {
    const agent = agentOf({ model: scriptedModel(answers(401)) })
    const running = stream(agent, 'Hi', { models })
    const events: AgentEvent[] = []
    const loop = async () => {
      for await (const event of running) events.push(event)
    }
    const failure = await loop().catch((error: unknown) => error)
    expect(failure).toMatchObject({ code: 'model-failed' })
    expect(typesOf(events).slice(-2)).toEqual(['error', 'finish'])
    await expect(running.result).rejects.toBe(failure)
  })

  it('the loop throws an error before the first event', async () => {
    const running = stream(agentOf({}), 'Hi', { models })
    await expect(running[Symbol.asyncIterator]().next()).rejects.toMatchObject({
      code: 'unknown-model',
    })
  })

  it('the caller’s signal aborts the stream', async () => {
    const stop = new AbortController()
    const model = scriptedModel(hangs(words('One')))
    const running = stream(agentOf({ model }), 'Hi', { models, signal: stop.signal })
    const types: string[] = []
    const loop = async () => {
      for await (const { type } of running) {
        types.push(type)
        if (type === 'text-delta') stop.abort()
      }
    }
    await expect(within(1000, 'the loop', loop())).rejects.toMatchObject({ code: 'aborted' })
    expect(types.slice(-2)).toEqual(['abort', 'finish'])
  })

  it('a slow loop delays the model', async () => {
    const { source, given } = endless()
    const events = stream(agentOf({ model: scriptedModel(source) }), 'Hi', { models })
    const iterator = events[Symbol.asyncIterator]()
    await iterator.next()
    const held = await settled(given)
    expect(held).toBeLessThan(300)
    // It is also not delayed more than that.
    for (let count = 0; count < 100; count++) await iterator.next()
    expect((await settled(given)) - held).toBeLessThan(300)
    await iterator.return?.()
    await expect(events.result).rejects.toMatchObject({ code: 'aborted' })
  })
})
