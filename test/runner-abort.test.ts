import { setImmediate as nextTurn } from 'node:timers/promises'

import { beforeEach, describe, expect, it } from 'vitest'
import { z } from 'zod'

import { defineTool } from '../src/define-tool.ts'
import type { AgentEvent } from '../src/event.ts'
import { userMessage } from '../src/message.ts'
import { answers, connectionReset } from './model-failures.ts'
import { agentOf, ofType, record, textOf, typesOf, watchRejections } from './recorded-run.ts'
import {
  breaks,
  calls,
  directScriptedModel,
  hangs,
  hangsForEver,
  says,
  type Script,
  scriptedModel,
  words,
} from './scripted-model.ts'

beforeEach(watchRejections)

const never = () => Promise.withResolvers<never>().promise

/** Aborts shortly after an event of this type, like a stop button. */
function abortAt(type: AgentEvent['type']) {
  const stop = new AbortController()
  return {
    signal: stop.signal,
    sink: (event: AgentEvent) => {
      if (event.type === type) setImmediate(() => stop.abort())
    },
  }
}

const toolOf = (execute: (signal: AbortSignal) => unknown) =>
  defineTool({
    name: 'work',
    description: 'Works.',
    inputSchema: z.looseObject({}),
    execute: (_input, { signal }) => execute(signal),
  })

describe('an aborted run', () => {
  const aborted = { code: 'aborted', message: 'The run was aborted.', retryable: false }

  it('a run aborted before its start asks no model', async () => {
    const model = scriptedModel(says('Never.'))
    const signal = AbortSignal.abort()
    const { error, events, result } = await record(agentOf({ model }), 'Hi', { signal })
    expect(error).toMatchObject(aborted)
    expect(typesOf(events)).toEqual(['start', 'abort', 'finish'])
    expect(model.asked).toEqual([])
    expect(result).toMatchObject({
      outcome: 'aborted',
      steps: 0,
      text: '',
      messages: [userMessage('Hi')],
    })
  })

  it('an abort does not wait for a callback', async () => {
    const stop = new AbortController()
    const agent = agentOf({
      model: scriptedModel(),
      systemPrompt: () => {
        stop.abort()
        return never()
      },
    })
    const { error, events } = await record(agent, 'Hi', { signal: stop.signal })
    expect(error).toMatchObject(aborted)
    expect(typesOf(events)).toEqual(['start', 'abort', 'finish'])
  })

  it.each([
    ['that stops at the abort', scriptedModel, hangs],
    ['that ignores the abort', scriptedModel, hangsForEver],
    ['with the direct method', directScriptedModel, hangs],
    ['with the direct method that ignores the abort', directScriptedModel, hangsForEver],
  ])('an abort keeps the partial reply of a model %s', async (_what, open, script) => {
    const model = open(script(words('The answer is')))
    const { error, events, result, message } = await record(
      agentOf({ model }),
      'What?',
      abortAt('text-delta'),
    )
    expect(error).toMatchObject(aborted)
    expect(error?.result).toBe(result)
    expect(result).toMatchObject({ outcome: 'aborted', finishReason: 'other', steps: 1 })
    expect(textOf(message)).toBe('The answer is')
    expect(result.messages[1]).toMatchObject({ content: [{ text: 'The answer is' }] })
    expect(typesOf(events).slice(-4)).toEqual(['text-end', 'finish-step', 'abort', 'finish'])
    expect(model.asked[0]?.abortSignal?.aborted).toBe(true)
  })

  it('an abort does not wait for an answer without a start', async () => {
    const model = { ...scriptedModel(), doStream: never }
    const { error } = await record(agentOf({ model }), 'Hi', abortAt('start-step'))
    expect(error).toMatchObject(aborted)
  })

  it.each([
    ['says how it ended', 'the cause is here, and more\n\nCommand aborted'],
    ['just ends', 'stopped as asked\n\nOutput until then:\nthe cause is here'],
    ['is deaf', 'This operation was aborted\n\nOutput until then:\nthe cause is here'],
  ])('an abort keeps the progress of a tool that %s', async (how, text) => {
    const tool = toolOf(async function* (signal) {
      yield 'the cause is here'
      if (how === 'is deaf') await never()
      await once(signal).catch((error: unknown) => {
        throw how === 'just ends'
          ? error
          : new Error('the cause is here, and more\n\nCommand aborted')
      })
    })
    const model = scriptedModel(calls(['work', {}]))
    const stop = abortAt('tool-output-available')
    const { events, result } = await record(agentOf({ model, tools: [tool] }), 'Go.', stop)
    expect(ofType(events, 'tool-output-error')).toMatchObject([{ errorText: text }])
    expect(result.messages.at(-1)).toMatchObject({
      content: [{ output: { type: 'error-text', value: text } }],
    })
  })

  it.each([
    ['stops at its signal', (signal: AbortSignal) => once(signal)],
    ['ignores its signal', never],
  ])('an abort does not wait for a tool that %s', async (_what, work) => {
    let toolSignal: AbortSignal | undefined
    const tool = toolOf((signal) => {
      toolSignal = signal
      return work(signal)
    })
    const model = scriptedModel(calls(['work', {}], ['work', {}]))
    const { error, events, result } = await record(
      agentOf({ tools: [tool], model }),
      'Go.',
      abortAt('tool-input-available'),
    )
    expect(error).toMatchObject(aborted)
    expect(toolSignal?.aborted).toBe(true)
    expect(ofType(events, 'tool-output-error')).toHaveLength(2)
    expect(result.messages.at(-1)).toMatchObject({ role: 'tool', content: [{}, {}] })
    // Otherwise a client that submits by itself would send the results.
    expect(typesOf(events).slice(-4)).toEqual(['start-step', 'finish-step', 'abort', 'finish'])
  })

  it('an abort keeps the results of finished tools', async () => {
    const tool = defineTool({
      name: 'work',
      description: 'Works.',
      inputSchema: z.object({ n: z.number() }),
      execute: ({ n }) => (n === 0 ? 'done' : never()),
    })
    const model = scriptedModel(calls(['work', { n: 1 }], ['work', { n: 0 }]))
    const { result } = await record(
      agentOf({ tools: [tool], model }),
      'Go.',
      abortAt('tool-output-available'),
    )
    expect(result.messages.at(-1)).toMatchObject({
      content: [
        { toolCallId: 'call-0', output: { type: 'error-text' } },
        { toolCallId: 'call-1', output: { type: 'text', value: 'done' } },
      ],
    })
  })

  it('an abort asks no human and no client', async () => {
    const slow = toolOf(never)
    const client = defineTool({ name: 'ask', description: '-', inputSchema: z.object({}) })
    const careful = { ...toolOf(() => 1), name: 'careful', needsApproval: true }
    const model = scriptedModel(calls(['work', {}], ['ask', {}], ['careful', {}]))
    const agent = agentOf({ tools: [slow, client, careful], model })
    const { error, events, result } = await record(agent, 'Go.', abortAt('tool-input-available'))
    expect(error).toMatchObject(aborted)
    expect(typesOf(events)).not.toContain('tool-approval-request')
    expect(ofType(events, 'tool-output-error')).toHaveLength(3)
    expect(result.outcome).toBe('aborted')
  })

  it.each([
    ['an approval rule', { needsApproval: never }, {}],
    ['toModelOutput', { toModelOutput: never }, {}],
    ['onStep', {}, { onStep: never }],
  ])('an abort does not wait for %s', async (_what, ofTool, ofAgent) => {
    const tool = { ...toolOf(() => 1), ...ofTool }
    const model = scriptedModel(calls(['work', {}]))
    const at = 'onStep' in ofAgent ? 'finish-step' : 'tool-input-available'
    const agent = agentOf({ tools: [tool], model, ...ofAgent })
    const { error } = await record(agent, 'Go.', abortAt(at))
    expect(error).toMatchObject(aborted)
  })

  it('an abort does not wait for onError', async () => {
    const stop = new AbortController()
    const onError = () => {
      stop.abort()
      return never()
    }
    const agent = agentOf({ model: scriptedModel(answers(400)), onError })
    const { error } = await record(agent, 'Hi', { signal: stop.signal })
    expect(error).toMatchObject(aborted)
  })

  it.each([
    ['before the first content', answers(500), 'start-step', ''],
    ['after a reply was withdrawn', breaks(words('The'), connectionReset), 'reset-step', ''],
  ] as const)(
    'an abort does not wait for a pause %s',
    async (_when, script: Script, type, text) => {
      const retry = { initialDelayMs: 600_000, maxDelayMs: 600_000 }
      const agent = agentOf({ model: scriptedModel(script), retry })
      const { error, message, result } = await record(agent, 'Hi', abortAt(type))
      expect(error).toMatchObject(aborted)
      expect(textOf(message)).toBe(text)
      expect(result.messages).toHaveLength(1)
    },
  )

  it('an abort keeps a partial reply that would be continued', async () => {
    const retry = { initialDelayMs: 600_000, maxDelayMs: 600_000 }
    const agent = agentOf({ model: scriptedModel(breaks(words('The'), connectionReset)), retry })
    const options = { ...abortAt('text-end'), recovery: 'continue' as const }
    const { error, message, result } = await record(agent, 'Hi', options)
    expect(error).toMatchObject(aborted)
    expect(textOf(message)).toBe('The')
    expect(result.messages).toHaveLength(2)
  })

  it('an aborted run does not emit events that a slow sink delayed', async () => {
    const stop = new AbortController()
    const gate = Promise.withResolvers<void>()
    const types: string[] = []
    const model = directScriptedModel(says('One two three four.'))
    const running = record(agentOf({ model }), 'Hi', {
      signal: stop.signal,
      sink: (event) => {
        types.push(event.type)
        return event.type === 'text-start' ? gate.promise : undefined
      },
    })
    while (!types.includes('text-start')) await nextTurn()
    stop.abort()
    while (!types.includes('text-end')) await nextTurn()
    gate.resolve()
    const { error, message } = await running
    expect(error).toMatchObject(aborted)
    expect(textOf(message)).toBe('')
  })

  it('a reason of any type becomes the cause', async () => {
    for (const reason of [new Error('the tab was closed'), 'stop', { by: 'Ada' }, 7]) {
      const signal = AbortSignal.abort(reason)
      const { error } = await record(agentOf({ model: scriptedModel() }), 'Hi', { signal })
      expect(error?.cause).toBe(reason)
    }
  })
})

async function once(signal: AbortSignal): Promise<never> {
  const { promise, resolve } = Promise.withResolvers<void>()
  signal.addEventListener('abort', () => resolve(), { once: true })
  await promise
  throw new Error('stopped as asked')
}
