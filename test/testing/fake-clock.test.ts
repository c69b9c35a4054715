/** Time limits and pauses on the fake clock of `loomkit/testing`. */
import { describe, expect, it } from 'vitest'
import { z } from 'zod'

import { defineAgent } from '../../src/agent.ts'
import { defineTool } from '../../src/define-tool.ts'
import { fakeClock, scriptedModel } from '../../src/entries/testing.ts'
import type { AgentEvent } from '../../src/event.ts'
import { Loom, run } from '../../src/library.ts'
import { openMemoryStore } from '../../src/store/memory.ts'
import { MovedClock } from '../../src/testing/fake-clock.ts'

const agent = defineAgent({ name: 'patient', systemPrompt: 'Answer.' })
const minute = 60_000

describe('a run on a fake clock', () => {
  it('ends at a time limit of ten minutes', async () => {
    const clock = fakeClock()
    const model = scriptedModel([{ hangs: true }])
    const limits = { firstChunkMs: 60 * minute, stepMs: 10 * minute }
    const patient = { ...agent, model, retry: { retries: 0 }, limits }
    let isSettled = false
    const answer = run(patient, 'Hi', { clock }).finally(() => (isSettled = true))
    const outcome = expect(answer).rejects.toMatchObject({
      code: 'model-timeout',
      message: 'The model took longer than 600000 ms.',
    })
    await clock.advance(10 * minute - 1)
    expect(isSettled).toBe(false)
    await clock.advance(1)
    await outcome
  })

  it('retries after the pauses of its policy', async () => {
    const clock = fakeClock()
    const overloaded = { error: { status: 503 } }
    const asked: number[] = []
    const at =
      <STEP>(step: STEP) =>
      () => {
        asked.push(clock.elapsed())
        return step
      }
    const model = scriptedModel([
      at({ error: { status: 503, retryAfterMs: 20_000 } }),
      at(overloaded),
      at('Hello.'),
    ])
    const retry = { initialDelayMs: 8000, maxDelayMs: 100_000 }
    const { text } = await clock.until(run({ ...agent, model, retry }, 'Hi', { clock }))
    expect(text).toBe('Hello.')
    const [first = 0, second = 0, third = 0] = asked
    expect(second - first).toBe(20_000)
    // Half of a pause is random: 8 to 16 seconds.
    expect(third - second).toBeGreaterThanOrEqual(8000)
    expect(third - second).toBeLessThanOrEqual(16_000)
  })

  it('ends a tool at its time limit', async () => {
    const clock = fakeClock()
    const deaf = defineTool({
      name: 'deaf',
      description: 'Never answers.',
      inputSchema: z.object({}),
      timeoutMs: 5 * minute,
      execute: () => new Promise<string>(() => undefined),
    })
    const model = scriptedModel([{ toolCalls: [{ toolName: 'deaf', input: {} }] }, 'No answer.'])
    const { text } = await clock.until(run({ ...agent, model, tools: [deaf] }, 'Hi', { clock }))
    expect(text).toBe('No answer.')
    expect(model.calls[1]?.toolResults[0]?.output).toBe('Timed out after 300000 ms.')
    expect(clock.elapsed()).toBe(5 * minute)
  })

  it('reports its durations', async () => {
    const clock = fakeClock('2026-05-01T12:00:00Z')
    const events: AgentEvent[] = []
    const model = scriptedModel([{ text: 'One two.', delayMs: 3000, chunkDelayMs: 1000 }], {
      clock,
    })
    const sink = (event: AgentEvent) => void events.push(event)
    await clock.until(run({ ...agent, model }, 'Hi', { clock, sink }))
    expect(events[0]).toMatchObject({
      messageMetadata: { createdAt: Date.parse('2026-05-01T12:00:00Z') },
    })
    expect(events.at(-1)).toMatchObject({
      messageMetadata: { durationMs: 4000, timeToFirstTokenMs: 3000 },
    })
  })

  it('takes no longer than the test', async () => {
    const clock = fakeClock()
    const steps = Array.from({ length: 5 }, () => ({ error: { status: 503 } }))
    const model = scriptedModel([...steps, 'Hello.'])
    const retry = { retries: 5, initialDelayMs: 60 * minute, maxDelayMs: 600 * minute }
    await clock.until(run({ ...agent, model, retry }, 'Hi', { clock }))
    expect(clock.elapsed()).toBeGreaterThan(60 * minute)
  })
})

describe('sessions on a fake clock', () => {
  it('have turns with its time limits', async () => {
    const clock = fakeClock()
    const model = scriptedModel([{ hangs: true }, 'Hello.'])
    await using loom = new Loom({ agents: [{ ...agent, model }], clock })
    const { text } = await clock.until(loom.startAgent().call('Hi'))
    expect(text).toBe('Hello.')
    expect(clock.elapsed()).toBeGreaterThanOrEqual(minute)
  })

  it('expire in a store that has its time', async () => {
    const clock = fakeClock()
    const store = openMemoryStore({ now: clock.now, sessionTtlMs: 1000 })
    await using loom = new Loom({ agents: [{ ...agent, model: scriptedModel(['Hi.']) }], store })
    const session = loom.startAgent()
    await session.call('Hi')
    expect(await session.messages()).toHaveLength(2)
    clock.set(clock.now() + 1001)
    expect(await store.session(session.id)).toBeUndefined()
  })
})

describe('a fake clock', () => {
  it('runs timers in their order, at their times', async () => {
    const clock = fakeClock(0)
    const times: [string, number][] = []
    const note = (name: string) => () => void times.push([name, clock.now()])
    clock.setTimeout(note('late'), 300)
    const cancel = clock.setTimeout(note('never'), 200)
    clock.setTimeout(() => {
      note('early')()
      clock.setTimeout(note('next'), 50)
    }, 100)
    cancel()
    await clock.advance(299)
    expect(times).toEqual([
      ['early', 100],
      ['next', 150],
    ])
    await clock.advance(1)
    expect(times.at(-1)).toEqual(['late', 300])
    expect(clock.now()).toBe(300)
  })

  it('passes the failure of the promise on', async () => {
    await expect(fakeClock().until(Promise.reject(new Error('broken')))).rejects.toThrow('broken')
  })

  it('reports that no timer waits', async () => {
    await expect(new MovedClock(0, 50).advance(1)).rejects.toThrow(/Pass it to the run/)
  })
})
