import { beforeEach, describe, expect, it } from 'vitest'

import type { ErrorDecision } from '../src/agent.ts'
import type { LoomError } from '../src/ground/error.ts'
import { createModels } from '../src/model/resolve.ts'
import { calculator } from '../tools/calculator.ts'
import { answers } from './model-failures.ts'
import { agentOf, ofType, record, textOf, typesOf, watchRejections } from './recorded-run.ts'
import { breaks, calls, says, scriptedModel, words } from './scripted-model.ts'

beforeEach(watchRejections)

const decide = (...decisions: ErrorDecision[]) => {
  const codes: string[] = []
  const onError = (error: LoomError) => {
    codes.push(error.code)
    return decisions[codes.length - 1] ?? 'stop'
  }
  return { onError, codes }
}

describe('an error part', () => {
  const cycle: { self?: object } = {}
  cycle.self = cycle

  it.each([
    ['a text', 'overloaded', false],
    ['nothing', undefined, false],
    ['null', null, false],
    ['a number', 7, false],
    ['an object without a text', {}, false],
    ['a cycle', cycle, false],
    ['a transient error', { message: 'busy', isRetryable: true }, true],
    ['a permanent error', { message: 'no', isRetryable: false, statusCode: 500 }, false],
    ['a transient status', { message: 'busy', code: 503 }, true],
    ['a permanent status', { message: 'no', status: '400' }, false],
    ['a broken stream of a good answer', Object.assign(answers(200), { isRetryable: true }), true],
  ])('an error part may hold %s', async (_what, error, isRetried) => {
    const model = scriptedModel([{ type: 'error', error }], says('Here.'))
    const { result, error: failure } = await record(agentOf({ model }), 'Hi')
    expect(model.asked).toHaveLength(isRetried ? 2 : 1)
    expect(result.outcome).toBe(isRetried ? 'finished' : 'error')
    expect(failure?.message ?? 'The model failed: -').toMatch(/^The model failed: ./)
  })
})

describe('onError', () => {
  it('onError runs after all retries and fallbacks, and may retry', async () => {
    const { onError, codes } = decide('retry')
    const model = scriptedModel(answers(401), answers(401), says('Here.'))
    const { result } = await record(agentOf({ model: [model, model], onError }), 'Hi')
    expect(codes).toEqual(['model-failed'])
    expect(result.text).toBe('Here.')
  })

  it('onError cannot retry without end', async () => {
    let count = 0
    const agent = agentOf({
      model: scriptedModel(...Array.from({ length: 30 }, () => answers(401))),
      onError: () => {
        count++
        return 'retry'
      },
    })
    const { error } = await record(agent, 'Hi')
    expect(error?.code).toBe('model-failed')
    expect(count).toBe(11)
  })

  it("onError may give a reply in the model's place", async () => {
    const { onError } = decide({ reply: ' Sorry, I am not well.' })
    const model = scriptedModel(breaks(words('The answer'), answers(400)))
    const { result, message, events } = await record(agentOf({ model, onError }), 'Hi')
    expect(result).toMatchObject({ outcome: 'finished', finishReason: 'stop' })
    expect(textOf(message)).toBe('The answer Sorry, I am not well.')
    expect(typesOf(events)).not.toContain('error')
  })

  it('an error of onError ends the run', async () => {
    const agent = agentOf({
      model: scriptedModel(answers(400)),
      onError: () => Promise.reject(new Error('no plan')),
    })
    const { error } = await record(agent, 'Hi')
    expect(error).toMatchObject({ code: 'internal', message: 'no plan' })
  })
})

describe('a configured key', () => {
  const key = 'sk-0123456789abcdef'
  const models = createModels({ environment: { MOCK_BASE_URL: 'http://x', MOCK_API_KEY: key } })

  it('a configured key is redacted in errors and outputs', async () => {
    const echo = () => Promise.reject(new Error(`cannot use ${key}`))
    const tools = [{ ...calculator, execute: echo }]
    const model = scriptedModel(
      calls(['calculator', { expr: '1' }]),
      answers(401, {}, `Incorrect API key: ${key}`),
    )
    const { events, error, result } = await record(agentOf({ model, tools }), 'Hi', { models })
    expect(JSON.stringify({ events, result })).not.toContain(key)
    expect(error?.message).toBe('The model answered with 401: Incorrect API key: [redacted]')
    expect(ofType(events, 'tool-output-error')).toMatchObject([
      { errorText: 'cannot use [redacted]' },
    ])
  })
})
