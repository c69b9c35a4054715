import { setTimeout as delay } from 'node:timers/promises'

import { beforeEach, describe, expect, it } from 'vitest'

import { agentOf, ofType, record, typesOf, watchRejections } from './recorded-run.ts'
import {
  directScriptedModel,
  hangs,
  hangsForEver,
  says,
  scriptedModel,
  words,
} from './scripted-model.ts'

beforeEach(watchRejections)

const never = () => Promise.withResolvers<never>().promise

describe('a silent model', () => {
  const limits = { firstChunkMs: 10, nextChunkMs: 10 }
  const retry = { retries: 0 }

  it.each([
    ['in doStream', scriptedModel],
    ['with the direct method', directScriptedModel],
  ])('a silent model is aborted and asked again: %s', async (_door, open) => {
    const model = open(hangs([]), hangs(words('Wait')), says('Here.'))
    const agent = agentOf({ model, limits, retry: { retries: 2, initialDelayMs: 1 } })
    const { result, events } = await record(agent, 'Hi')
    expect(result.text).toBe('Here.')
    expect(ofType(events, 'reset-step')).toHaveLength(1)
    expect(model.asked.map(({ abortSignal }) => abortSignal?.aborted)).toEqual([true, true, false])
  })

  it.each([
    ['the first part', hangsForEver([{ type: 'stream-start', warnings: [] }])],
    ['the next part', hangsForEver(words('Wait'))],
    ['its first answer', undefined],
  ])('a silent model that ignores its abort is abandoned: %s', async (_where, script) => {
    const model = scriptedModel(...(script === undefined ? [] : [script]))
    const deaf = script === undefined ? { ...model, doStream: never } : model
    const { error } = await record(agentOf({ model: deaf, limits, retry }), 'Hi')
    expect(error).toMatchObject({
      code: 'model-timeout',
      message: 'The model was silent for 10 ms.',
    })
  })

  it('a stream of pings alone is silent', async () => {
    const model = scriptedModel(async function* (signal) {
      while (!signal.aborted) {
        yield { type: 'ping' }
        // The pace of the model.
        await delay(1)
      }
    })
    const { error } = await record(agentOf({ model, limits, retry }), 'Hi')
    expect(error?.message).toBe('The model was silent for 10 ms.')
  })

  it('a model with a slow receiver is not silent', async () => {
    const model = scriptedModel(says('One two three.'))
    const { result, events } = await record(agentOf({ model, limits, retry }), 'Hi', {
      // Longer than the limits of the model.
      sink: () => delay(30),
    })
    expect(result.text).toBe('One two three.')
    expect(typesOf(events)).not.toContain('reset-step')
  })

  it('a model can have no limits', async () => {
    const forEver = Number.POSITIVE_INFINITY
    const none = { firstChunkMs: forEver, nextChunkMs: forEver, stepMs: forEver }
    const model = scriptedModel(says('Here.'))
    const { result } = await record(agentOf({ model, limits: none }), 'Hi')
    expect(result.text).toBe('Here.')
  })
})

describe('an endless model', () => {
  it('an endless model is aborted and its text kept', async () => {
    const model = scriptedModel(async function* (signal) {
      while (!signal.aborted) {
        yield { type: 'text-delta', id: 'a', delta: 'more ' }
        // The pace of the model.
        await delay(1)
      }
    })
    const agent = agentOf({ model, limits: { stepMs: 20 }, retry: { retries: 0 } })
    const { error, result } = await record(agent, 'Hi')
    expect(error).toMatchObject({ message: 'The model took longer than 20 ms.' })
    expect(result.text).toMatch(/^(more )+$/)
  })
})

describe('the limits of a run', () => {
  it('limits of the agent override those of the run', async () => {
    const model = scriptedModel(hangs([]))
    const agent = agentOf({ model, limits: { firstChunkMs: 5 }, retry: { retries: 0 } })
    const limits = { firstChunkMs: 600_000, nextChunkMs: 600_000 }
    const { error } = await record(agent, 'Hi', { limits })
    expect(error?.message).toBe('The model was silent for 5 ms.')
  })
})
