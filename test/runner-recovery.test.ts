import diagnostics from 'node:diagnostics_channel'

import { beforeEach, describe, expect, it, onTestFinished } from 'vitest'

import type { ModelReference } from '../src/model.ts'
import { retryAfter, waitIn } from '../src/runner/wait.ts'
import { calculator } from '../tools/calculator.ts'
import { answers, connectionReset, withCode } from './model-failures.ts'
import { agentOf, ofType, record, textOf, typesOf, watchRejections } from './recorded-run.ts'
import {
  breaks,
  calls,
  directScriptedModel,
  finish,
  says,
  scriptedModel,
  words,
} from './scripted-model.ts'

beforeEach(watchRejections)

/** The pauses of a test's runs, in milliseconds. */
function notePauses(): number[] {
  const pauses: number[] = []
  const note = (message: unknown) => {
    expect(message).toMatchObject({ measurements: { delayMs: expect.any(Number) } })
    const { measurements } = Object(message)
    pauses.push(Number(measurements.delayMs))
  }
  diagnostics.subscribe('loom:llm:retry', note)
  onTestFinished(() => void diagnostics.unsubscribe('loom:llm:retry', note))
  return pauses
}

describe('a model call that fails before its first content', () => {
  it.each([
    ['429', answers(429)],
    ['500', answers(500)],
    ['503', answers(503)],
    ['529', answers(529)],
    ['408', answers(408)],
    ['a refused connection', withCode('ECONNREFUSED')],
    [
      'a temporary failure of a name',
      new TypeError('fetch failed', { cause: withCode('EAI_AGAIN') }),
    ],
    ['a broken socket', new TypeError('terminated', { cause: withCode('UND_ERR_SOCKET') })],
  ])('the call is silently repeated after %s', async (_what, failure) => {
    for (const open of [scriptedModel, directScriptedModel]) {
      const model = open(failure, failure, says('Here I am.'))
      const { events, result } = await record(agentOf({ model }), 'Hi')
      expect(model.asked).toHaveLength(3)
      expect(result).toMatchObject({ outcome: 'finished', text: 'Here I am.', steps: 1 })
      expect(typesOf(events)).not.toContain('reset-step')
      expect(ofType(events, 'start-step')).toHaveLength(1)
    }
  })

  it.each([400, 401, 403, 404, 422])('the call is not repeated after %i', async (status) => {
    const model = scriptedModel(answers(status, {}, 'bad key'), says('Never.'))
    const { error, events, result } = await record(agentOf({ model }), 'Hi')
    expect(model.asked).toHaveLength(1)
    const message = `The model answered with ${status}: bad key`
    expect(error).toMatchObject({ code: 'model-failed', message, retryable: false })
    expect(typesOf(events)).toEqual(['start', 'start-step', 'finish-step', 'error', 'finish'])
    expect(result).toMatchObject({ outcome: 'error', finishReason: 'error', steps: 1, text: '' })
  })

  it('the call fails when its retries are used up', async () => {
    const failures = Array.from({ length: 9 }, () => answers(500, { 'retry-after-ms': '1' }))
    const model = scriptedModel(...failures)
    const { error } = await record(agentOf({ model }), 'Hi')
    expect(model.asked).toHaveLength(4)
    expect(error).toMatchObject({ code: 'model-failed', retryable: true, retryAfterMs: 1 })
  })

  it('the call fails at once if the wait is too long', async () => {
    const pauses = notePauses()
    const model = scriptedModel(answers(429, { 'retry-after': '3600' }), says('Here.'))
    const { error } = await record(agentOf({ model }), 'Hi')
    expect(pauses).toEqual([])
    expect(error).toMatchObject({ code: 'model-failed', retryAfterMs: 3_600_000 })
    expect(error?.message).toContain('asks to wait 3600 s')
  })

  it.each([
    ['Please retry in 3.575s.', 3575],
    ['{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"34.07s"}', 34_070],
    ['Rate limit reached. Limit 6000, Used 5800. Please try again in 1m26.4s. Visit …', 86_400],
    ['Please try again in 350ms.', 350],
    ['Please retry after 20 seconds.', 20_000],
    ['Rate limited, wait 30 seconds before the next request.', 30_000],
    ['{"error":{"message":"slow down","retry_after":12}}', 12_000],
    ['You can try again in 2 hours and 5 minutes.', 7_500_000],
    ['The limit is 20 requests in 60 seconds.', undefined],
    ['{"error":{"message":"slow down","retryAfterMs":1200}}', 1200],
    ['{"error":{"type":"usage_limit_reached","resets_in_seconds":3600}}', 3_600_000],
    ['Too many requests. Retry-After: 10', 10_000],
    ['Slow down, retry after: 15s', 15_000],
    ['{"metadata":{"headers":{"X-RateLimit-Reset":"946684800000"}}}', 60_000],
    ['The upstream timed out after 30 s, please retry', undefined],
    ['Overloaded', undefined],
  ])('reads the wait in %s', (text, ms) => {
    expect(waitIn(text, Date.parse('1999-12-31T23:59:00Z'))).toBe(ms)
  })

  it('the pause is as long as Retry-After asks', async () => {
    const pauses = notePauses()
    const retry = { retries: 4, initialDelayMs: 1, maxDelayMs: 40 }
    const model = scriptedModel(
      answers(429, { 'retry-after-ms': '7' }),
      answers(429, { 'Retry-After': '0.02' }),
      answers(429, { 'retry-after': new Date(Date.now() - 1000).toUTCString() }),
      says('Here.'),
    )
    await record(agentOf({ model, retry }), 'Hi')
    expect(pauses).toEqual([7, 20, 0])
  })

  it('the pause doubles each time, minus a random part', async () => {
    const pauses = notePauses()
    const retry = { retries: 4, initialDelayMs: 4, maxDelayMs: 10 }
    const model = scriptedModel(...Array.from({ length: 4 }, () => answers(500)), says('Here.'))
    await record(agentOf({ model, retry }), 'Hi')
    const full = [4, 8, 10, 10]
    expect(pauses.map((pause, index) => pause / (full[index] ?? 0))).toEqual(
      full.map(() => expect.closeTo(0.75, 0)),
    )
    for (const [index, pause] of pauses.entries()) {
      expect(pause).toBeGreaterThanOrEqual((full[index] ?? 0) / 2)
      expect(pause).toBeLessThanOrEqual(full[index] ?? 0)
    }
  })

  it.each([
    [{ 'retry-after': 'Fri, 31 Dec 1999 23:59:59 GMT' }, 59_000],
    [{ 'retry-after': '120' }, 120_000],
    [{ 'retry-after': '' }, undefined],
    [{ 'retry-after': 'soon' }, undefined],
    [{}, undefined],
    [{ 'retry-after-ms': '250', 'retry-after': '1' }, 250],
    [{ 'x-ms-retry-after-ms': '700', 'retry-after': '1' }, 700],
    [{ 'retry-after': '20, 20' }, 20_000],
    [{ 'retry-after': '-1' }, undefined],
    // A point in time, in seconds and in milliseconds.
    [{ 'retry-after': '946684770' }, 30_000],
    [{ 'retry-after': '946684770000' }, 30_000],
  ])('reads %o', (headers, expected) => {
    expect(retryAfter(headers, Date.parse('1999-12-31T23:59:00Z'))).toBe(expected)
  })
})

describe('a list of models', () => {
  it('each model is tried after the one before it failed', async () => {
    const first = scriptedModel(answers(401))
    const second = scriptedModel(answers(500), answers(500))
    const third = scriptedModel(says('I can.'))
    const model: ModelReference[] = [first, 'nowhere/large', second, third]
    const agent = agentOf({ model, retry: { retries: 1, initialDelayMs: 1 } })
    const { events, result } = await record(agent, 'Hi')
    expect(result.text).toBe('I can.')
    expect([first, second, third].map(({ asked }) => asked.length)).toEqual([1, 2, 1])
    const name = `scripted/${third.modelId}`
    expect(events.at(-1)).toHaveProperty('messageMetadata.model', name)
  })

  it('later steps use the model that answered', async () => {
    const dead = scriptedModel(answers(401))
    const alive = scriptedModel(calls(['calculator', { expr: '6 * 7' }]), says('42'))
    const { result } = await record(agentOf({ model: [dead, alive], tools: [calculator] }), 'Hi')
    expect(result.text).toBe('42')
    expect([dead, alive].map(({ asked }) => asked.length)).toEqual([1, 2])
  })

  it('a list of models ends with its last error', async () => {
    const model = [scriptedModel(answers(401)), scriptedModel(answers(403))]
    const { error } = await record(agentOf({ model }), 'Hi')
    expect(error?.message).toMatch(/^The model answered with 403/)
  })
})

describe('a reply that breaks off', () => {
  const partial = words('The answer is')
  const broken = [
    ['by an error of the stream', breaks(partial, connectionReset)],
    ['by an error part', [...partial, { type: 'error' as const, error: connectionReset }]],
    ['without an end', partial],
    ['by an error as finish reason', [...partial, finish('error')]],
  ] as const

  it.each(broken)('a reply broken %s is withdrawn and asked again', async (_how, script) => {
    for (const open of [scriptedModel, directScriptedModel]) {
      const list = typeof script === 'function' ? script : [...script]
      const model = open(list, says('The answer is 42.'))
      const { events, result, message } = await record(agentOf({ model }), 'What?')
      expect(ofType(events, 'reset-step')).toHaveLength(1)
      expect(textOf(message)).toBe('The answer is 42.')
      expect(result).toMatchObject({ steps: 1, outcome: 'finished' })
      expect(result.messages).toHaveLength(2)
      expect(model.asked[1]?.prompt).toEqual(model.asked[0]?.prompt)
    }
  })

  it.each(broken)(
    'a reply broken %s is continued if it cannot be withdrawn',
    async (_how, script) => {
      const list = typeof script === 'function' ? script : [...script]
      const model = scriptedModel(list, says(' 42.'))
      const { events, result, message } = await record(agentOf({ model }), 'What?', {
        recovery: 'continue',
      })
      expect(typesOf(events)).not.toContain('reset-step')
      expect(textOf(message)).toBe('The answer is 42.')
      expect(model.asked[1]?.prompt.slice(2)).toEqual([
        { role: 'assistant', content: [{ type: 'text', text: 'The answer is' }] },
        {
          role: 'user',
          content: [
            { type: 'text', text: expect.stringMatching(/cut off there .* Go on exactly/) },
          ],
        },
      ])
      expect(result).toMatchObject({ steps: 2, outcome: 'finished', text: ' 42.' })
      expect(result.messages.map(({ role }) => role)).toEqual([
        'user',
        'assistant',
        'user',
        'assistant',
      ])
    },
  )

  it('reasoning alone is dropped and the model asked again', async () => {
    const thought = { type: 'reasoning-delta' as const, id: 'r', delta: 'Hm' }
    const model = scriptedModel(breaks([thought], connectionReset), says('42.'))
    const { result } = await record(agentOf({ model }), 'What?', { recovery: 'continue' })
    expect(model.asked[1]?.prompt).toEqual(model.asked[0]?.prompt)
    expect(result.text).toBe('42.')
  })

  it.each(['reset', 'continue'] as const)(
    'a broken reply with a whole call is kept: %s',
    async (recovery) => {
      const call = calls(['calculator', { expr: '6*7' }]).slice(0, 1)
      const unfinished = [
        { type: 'tool-input-start' as const, id: 'b', toolName: 'calculator' },
        { type: 'tool-input-delta' as const, id: 'b', delta: '{"ex' },
      ]
      const model = scriptedModel(
        breaks([...words('Let me see.'), ...call, ...unfinished], connectionReset),
        says('42.'),
      )
      const agent = agentOf({ tools: [calculator], model })
      const { events, result } = await record(agent, 'What?', { recovery })
      expect(model.asked[1]?.prompt.slice(2)).toMatchObject([
        { role: 'assistant', content: [{ text: 'Let me see.' }, {}, {}] },
        {
          role: 'tool',
          content: [
            { output: { value: { result: 42 } } },
            { output: { value: expect.stringMatching(/cut off/) } },
          ],
        },
      ])
      expect(typesOf(events)).not.toContain('reset-step')
      expect(result).toMatchObject({ steps: 2, outcome: 'finished' })
    },
  )

  it.each(['reset', 'continue'] as const)(
    'a reply broken inside a call is recovered: %s',
    async (recovery) => {
      const start = { type: 'tool-input-start' as const, id: 'a', toolName: 'calculator' }
      const model = scriptedModel(
        breaks([start, { type: 'tool-input-delta', id: 'a', delta: '{"ex' }], connectionReset),
        calls(['calculator', { expr: '6*7' }, 'a']),
        says('42.'),
      )
      const agent = agentOf({ tools: [calculator], model })
      const { message, result } = await record(agent, 'What?', { recovery })
      const states = message.parts.flatMap((part) => ('toolCallId' in part ? [part.state] : []))
      expect(states).toEqual(
        recovery === 'reset' ? ['output-available'] : ['output-error', 'output-available'],
      )
      expect(result).toMatchObject({ text: '42.', outcome: 'finished' })
    },
  )

  it('a reply that breaks after its last part is complete', async () => {
    const model = scriptedModel(breaks(says('42.'), connectionReset))
    const { result, events } = await record(agentOf({ model }), 'What?')
    expect(result.outcome).toBe('finished')
    expect(typesOf(events)).not.toContain('reset-step')
  })

  it('a final failure keeps the partial text in its error', async () => {
    const retry = { retries: 0 }
    const model = scriptedModel(breaks(partial, connectionReset))
    const { error, result, message } = await record(agentOf({ model, retry }), 'What?')
    expect(error).toMatchObject({ code: 'model-failed', retryable: true, cause: connectionReset })
    expect(error?.result).toBe(result)
    expect(textOf(message)).toBe('The answer is')
    expect(result.messages[1]).toMatchObject({ content: [{ text: 'The answer is' }] })
  })

  it('a broken reply counts its cost', async () => {
    const model = scriptedModel([...partial, finish('error')], says('42.'))
    const { result } = await record(agentOf({ model }), 'What?')
    expect(result.usage.totalTokens).toBe(30)
  })
})
