import { isToolUIPart, type UIMessage } from 'ai'
import { describe, expect, it } from 'vitest'

import { sessionRoutes } from '../../routes/session.ts'
import { run } from '../../src/index.ts'
import { Loom } from '../../src/loom.ts'
import { createModels } from '../../src/model/resolve.ts'
import { type Ask, human } from '../../tools/human.ts'
import { within } from '../deadline.ts'
import { settle } from '../one-step.ts'
import { agentOf, record } from '../recorded-run.ts'
import { calls, says, scriptedModel } from '../scripted-model.ts'
import { callTool, failureOf } from './called-tool.ts'

const noAnswer = { type: 'error-text', value: 'The human gave no answer.' }

const colour = { question: 'Which colour?', options: ['red', 'blue'], default: 'red' }

describe('the human tool of a server', () => {
  it('waits for the answer of a client', async () => {
    const { events, model } = await settle(human(), calls(['human', colour]))
    expect(events).toContainEqual(
      expect.objectContaining({
        type: 'tool-input-available',
        toolName: 'human',
        input: colour,
      }),
    )
    expect(events.map(({ type }) => type)).not.toContain('tool-output-available')
    expect(model.asked).toHaveLength(1)
  })

  it('continues with the answer of the human', async () => {
    const model = scriptedModel(calls(['human', colour]), says('Blue it is.'))
    const agent = agentOf({ tools: [human()], model })
    const { result } = await record(agent, 'Ask me.')
    const call = result.messages.at(-1)
    const part = call?.role === 'assistant' && typeof call.content !== 'string' ? call.content : []
    const toolCallId = part.find(({ type }) => type === 'tool-call')
    const id = toolCallId?.type === 'tool-call' ? toolCallId.toolCallId : ''
    const output = { type: 'text', value: 'blue' } as const
    const answered = await run(agent, [
      ...result.messages,
      {
        role: 'tool',
        content: [{ type: 'tool-result', toolCallId: id, toolName: 'human', output }],
      },
    ])
    expect(answered.text).toBe('Blue it is.')
    expect(model.asked[1]?.prompt.at(-1)).toMatchObject({ role: 'tool', content: [{ output }] })
  })

  it.each([
    ['a text', ' blue\n', colour, { type: 'text', value: 'blue' }],
    ['nothing, which means the default', '', colour, { type: 'text', value: 'red' }],
    ['nothing, where there is no default', '', { ...colour, default: null }, noAnswer],
    ['more than a text', { picked: [1] }, colour, { type: 'json', value: { picked: [1] } }],
  ])('tells the model the meaning of %s', async (_, given, input, output) => {
    const model = scriptedModel(calls(['human', input]), says('As you like.'))
    const agent = agentOf({ tools: [human()], model })
    await using loom = new Loom({ agents: [agent], models: createModels({ environment: {} }) })
    const app = sessionRoutes(loom)
    const post = async (path: string, body: object): Promise<UIMessage> => {
      const headers = { accept: 'application/json' }
      const request = { method: 'POST', body: JSON.stringify(body), headers }
      return Object(await (await app.request(`/chat${path}`, request)).json()).message
    }
    const asked = await post('', { id: 'c', message: 'Ask me.' })
    const part = asked.parts.find(isToolUIPart)
    const answered = await post(`/c/tools/${part?.toolCallId}`, { output: given })
    expect(model.asked[1]?.prompt.at(-1)).toMatchObject({ role: 'tool', content: [{ output }] })
    // Clients see the original answer.
    expect(answered.parts).toContainEqual(expect.objectContaining({ input, output: given }))
  })

  it('is called by the demo model', async () => {
    const agent = agentOf({ tools: [human()], model: 'demo/assistant' })
    const { events } = await record(agent, 'Ask me which colour I like: red or blue')
    expect(events).toContainEqual(
      expect.objectContaining({
        type: 'tool-input-available',
        toolName: 'human',
        input: { question: 'Which colour do you like?', options: ['red', 'blue'] },
      }),
    )
  })

  it('accepts null for omitted fields', async () => {
    const input = { question: 'Which colour?', options: null, default: null }
    const { events } = await settle(human(), calls(['human', input]))
    expect(events.map(({ type }) => type)).not.toContain('tool-output-error')
    const ask: Ask = ({ options, default: fallback }) =>
      Promise.resolve(JSON.stringify([options, fallback ?? 'none']))
    expect((await callTool(human({ ask }), input)).output).toBe('[[],"none"]')
  })

  it('requires a question', async () => {
    expect(await failureOf(human(), { question: '' })).toMatch(/question/)
    expect(await failureOf(human(), { options: ['red'] })).toMatch(/question/)
  })
})

describe('the human tool of a terminal', () => {
  const answering = (answer: string | undefined) => human({ ask: async () => answer })

  it('returns the answer', async () => {
    expect((await callTool(answering(' blue\n'), colour)).output).toBe('blue')
  })

  it('passes on the question, options and default', async () => {
    const asked: unknown[] = []
    const ask: Ask = async (question) => {
      asked.push(question)
      return 'x'
    }
    await callTool(human({ ask }), colour)
    await callTool(human({ ask }), { question: 'Why?' })
    expect(asked).toEqual([colour, { question: 'Why?', options: [], default: undefined }])
  })

  it('reads an empty answer as the default', async () => {
    expect((await callTool(answering('  '), colour)).output).toBe('red')
    expect(await failureOf(answering(''), { question: 'Why?' })).toBe('The human gave no answer.')
  })

  it('fails if no human is there', async () => {
    const tool = answering(undefined)
    expect(await failureOf(tool, colour)).toBe('No human is here to be asked.')
    const { results } = await settle(tool, calls(['human', colour]))
    expect(results).toMatchObject([{ output: { type: 'error-text' } }])
  })

  it('ends the question at its time limit', async () => {
    let ended: AbortSignal | undefined
    const ask: Ask = (_question, signal) => {
      ended = signal
      return new Promise(() => undefined)
    }
    const failure = failureOf(human({ ask, timeoutMs: 20 }), colour)
    expect(await within(5000, 'the time limit', failure)).toBe(
      'Nobody answered within 0.02 seconds.',
    )
    expect(ended?.aborted).toBe(true)
  })

  it('ends with the turn', async () => {
    const controller = new AbortController()
    let ended: AbortSignal | undefined
    const ask: Ask = (_question, signal) => {
      ended = signal
      controller.abort(new Error('stopped'))
      return new Promise(() => undefined)
    }
    expect(await failureOf(human({ ask }), colour, controller.signal)).toBe('stopped')
    expect(ended?.aborted).toBe(true)
  })
})
