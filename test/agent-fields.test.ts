/** The fields of an agent that shape its model calls: tools, options, step preparation, cached instructions. */
import { beforeEach, describe, expect, it } from 'vitest'

import { agentTool } from '../src/agent-tool.ts'
import { defineAgent } from '../src/agent.ts'
import { withExtraBody } from '../src/model/extra-body.ts'
import { openAICompatible } from '../src/model/openai-compatible.ts'
import type { TransportRequest } from '../src/model/openai-compatible/transport.ts'
import type { PrepareStepInfo } from '../src/step-preparation.ts'
import { byteTransport } from './fixtures/byte-transport.ts'
import { chatStreams } from './fixtures/chat-streams.ts'
import { toolOf } from './one-step.ts'
import { agentOf, record, watchRejections } from './recorded-run.ts'
import { calls, says, scriptedModel } from './scripted-model.ts'

beforeEach(watchRejections)

const named = (name: string) => toolOf(() => `${name} is done`, { name })
const [search, write] = [named('search'), named('write')]
const namesIn = (options: { tools?: { name: string }[] } | undefined) =>
  options?.tools?.map(({ name }) => name)

describe('activeTools and toolChoice', () => {
  it('the model receives only the active tools, and cannot call others', async () => {
    const model = scriptedModel(calls(['write', {}]), says('Done.'))
    const agent = agentOf({ tools: [search, write], activeTools: ['search', 'other'], model })
    const { events } = await record(agent, 'Go.')
    expect(namesIn(model.asked[0])).toEqual(['search'])
    expect(events).toContainEqual(
      expect.objectContaining({
        type: 'tool-input-error',
        errorText: 'There is no tool "write". Tools: search.',
      }),
    )
  })

  it('the tool choice goes to the model, from a value or a function of the context', async () => {
    const choice = { type: 'tool' as const, toolName: 'write' }
    for (const toolChoice of [choice, () => Promise.resolve(choice)]) {
      const model = scriptedModel(says('Done.'))
      await record(agentOf({ tools: [search, write], toolChoice, model }), 'Go.')
      expect(model.asked[0]?.toolChoice).toEqual(choice)
    }
    const model = scriptedModel(says('Done.'))
    await record(agentOf({ tools: [search], toolChoice: 'required', model }), 'Go.')
    expect(model.asked[0]?.toolChoice).toEqual({ type: 'required' })
  })

  it('a tool choice without tools is left out', async () => {
    const model = scriptedModel(says('Done.'))
    await record(agentOf({ toolChoice: 'required', model }), 'Go.')
    expect(model.asked[0]).not.toHaveProperty('toolChoice')
  })

  it('the choice of an unknown tool fails and names the active tools', async () => {
    const toolChoice = { type: 'tool' as const, toolName: 'serach' }
    const agent = agentOf({ tools: [search], toolChoice, model: scriptedModel() })
    const { error } = await record(agent, 'Go.')
    expect(error).toMatchObject({
      code: 'invalid-config',
      message:
        'toolChoice names "serach", which is no active tool. Did you mean "search"? The active tools are: search.',
    })
  })
})

describe('providerOptions', () => {
  it('go to the model, beside extraBody', async () => {
    const model = scriptedModel(says('Done.'))
    const providerOptions = { scripted: { effort: 'low' }, anthropic: { effort: 'high' } }
    await record(agentOf({ providerOptions, extraBody: { seed: 7 }, model }), 'Go.')
    expect(model.asked[0]?.providerOptions).toMatchObject({
      scripted: { effort: 'low', seed: 7 },
      anthropic: { effort: 'high' },
      loom: { extraBody: { seed: 7 } },
    })
  })

  it('reach the package of a provider without the fields of extraBody', async () => {
    const asked: unknown[] = []
    const inner = scriptedModel(says('Done.'))
    const model = withExtraBody({
      ...inner,
      doStream(options) {
        asked.push(options.providerOptions)
        return inner.doStream(options)
      },
    })
    const providerOptions = { scripted: { effort: 'low' } }
    await record(agentOf({ providerOptions, extraBody: { seed: 7 }, model }), 'Go.')
    expect(asked).toEqual([providerOptions])
  })

  it('are fields of the request of an OpenAI-compatible API', async () => {
    const { bodies, model } = compatibleModel('local')
    await record(agentOf({ model, providerOptions: { local: { min_p: 0.1 } } }), 'Go.')
    expect(bodies[0]).toMatchObject({ min_p: 0.1 })
  })
})

const noRetry = { retries: 0 }

describe('prepareStep', () => {
  it('runs before each step, also the first one, with the state of the run', async () => {
    const seen: PrepareStepInfo[] = []
    const model = scriptedModel(calls(['search', { q: 1 }]), says('Done.'))
    const prepareStep = (info: PrepareStepInfo) => {
      seen.push({ ...info, messages: [...info.messages], steps: [...info.steps] })
    }
    await record(agentOf({ tools: [search], model, prepareStep }), 'Go.')
    expect(seen).toMatchObject([
      {
        step: 1,
        stepNumber: 0,
        steps: [],
        systemPrompt: 'You teach.',
        model: { provider: 'scripted' },
      },
      {
        step: 2,
        stepNumber: 1,
        steps: [
          { step: 1, toolCalls: [{ toolName: 'search' }], toolResults: [{ isError: false }] },
        ],
        usage: { totalTokens: 15 },
      },
    ])
    expect(seen[0]?.messages).toEqual([{ role: 'user', content: 'Go.' }])
    expect(seen[1]?.messages).toHaveLength(3)
  })

  it('changes the settings of one step', async () => {
    const other = scriptedModel(calls(['search', {}]))
    const model = scriptedModel(says('Done.'))
    const agent = agentOf({
      tools: [search, write],
      model,
      providerOptions: { scripted: { effort: 'low', speed: 1 } },
      prepareStep: ({ step }, context) => {
        expect(context).toEqual({ user: 'Ada' })
        if (step > 1) return undefined
        return {
          model: other,
          toolChoice: 'required' as const,
          activeTools: ['search'],
          temperature: 0.7,
          maxOutputTokens: 99,
          providerOptions: { scripted: { effort: 'high' } },
        }
      },
    })
    await record(agent, 'Go.', { context: { user: 'Ada' } })
    expect(namesIn(other.asked[0])).toEqual(['search'])
    expect(other.asked[0]).toMatchObject({
      toolChoice: { type: 'required' },
      temperature: 0.7,
      maxOutputTokens: 99,
      providerOptions: { scripted: { effort: 'high', speed: 1 } },
    })
    expect(namesIn(model.asked[0])).toEqual(['search', 'write'])
    expect(model.asked[0]).not.toHaveProperty('toolChoice')
    expect(model.asked[0]?.providerOptions).toEqual({ scripted: { effort: 'low', speed: 1 } })
  })

  it('instructions and messages also apply to the later steps', async () => {
    const model = scriptedModel(calls(['search', {}]), says('Done.'))
    const agent = agentOf({
      tools: [search],
      model,
      prepareStep: ({ step, messages }) =>
        step === 1
          ? { system: 'Be kind.', messages: [...messages, { role: 'user', content: 'Now.' }] }
          : undefined,
    })
    const { result } = await record(agent, 'Go.')
    for (const { prompt } of model.asked) {
      expect(prompt.slice(0, 3)).toMatchObject([
        { role: 'system', content: 'Be kind.' },
        { content: [{ text: 'Go.' }] },
        { content: [{ text: 'Now.' }] },
      ])
    }
    expect(result.messages[1]).toEqual({ role: 'user', content: 'Now.' })
  })

  it('its failure ends the run with its error', async () => {
    const prepareStep = () => Promise.reject(new Error('no plan'))
    const { error } = await record(agentOf({ model: scriptedModel(), prepareStep }), 'Go.')
    expect(error?.message).toBe('no plan')
  })

  it('a model that fails in one step falls back in this step only', async () => {
    const first = scriptedModel(new Error('down'), says('Hi.'))
    const second = scriptedModel(calls(['search', {}]))
    const agent = agentOf({
      tools: [search],
      model: first,
      retry: noRetry,
      prepareStep: ({ step }) => (step === 1 ? { model: [first, second] } : undefined),
    })
    const { result } = await record(agent, 'Go.')
    expect(result).toMatchObject({ text: 'Hi.', steps: 2 })
  })

  it('a sub-agent has its own fields', async () => {
    const below = scriptedModel(says('Found.'))
    const finder = defineAgent({
      name: 'finder',
      systemPrompt: 'Find.',
      model: below,
      prepareStep: () => ({ system: 'Find quickly.' }),
    })
    const model = scriptedModel(calls(['finder', { prompt: 'It.' }]), says('Done.'))
    await record(agentOf({ tools: [agentTool(finder)], model }), 'Go.')
    expect(below.asked[0]?.prompt[0]).toMatchObject({ content: 'Find quickly.' })
  })
})

describe('a system prompt of parts', () => {
  const systemPrompt = ['Rules.', { text: 'Law.', cache: true }, { text: 'Day.' }]

  it('is one text for a provider without marks', async () => {
    const model = scriptedModel(says('Hi.'))
    await record(agentOf({ systemPrompt: () => systemPrompt, model }), 'Go.')
    expect(model.asked[0]?.prompt[0]).toEqual({ role: 'system', content: 'Rules.\n\nLaw.\n\nDay.' })
  })

  it('has marks for the cache of Anthropic', async () => {
    const model = { ...scriptedModel(says('Hi.')), provider: 'anthropic.messages' }
    const hour = { text: 'Handbook.', cache: '1h' as const }
    await record(agentOf({ systemPrompt: [hour, ...systemPrompt], model }), 'Go.')
    const mark = (cacheControl: object) => ({ providerOptions: { anthropic: { cacheControl } } })
    expect(model.asked[0]?.prompt.slice(0, 3)).toMatchObject([
      { role: 'system', content: 'Handbook.', ...mark({ type: 'ephemeral', ttl: '1h' }) },
      { role: 'system', content: 'Rules.\n\nLaw.', ...mark({ type: 'ephemeral' }) },
      { role: 'system', content: 'Day.' },
    ])
    expect(model.asked[0]?.prompt[2]).not.toHaveProperty('providerOptions')
  })

  it('has marks in the requests to OpenRouter, and one text for other APIs', async () => {
    for (const [provider, content] of [
      [
        'openrouter',
        [{ type: 'text', text: 'Rules.\n\nLaw.', cache_control: { type: 'ephemeral' } }],
      ],
      ['local', 'Rules.\n\nLaw.\n\nDay.'],
    ] as const) {
      const { bodies, model } = compatibleModel(provider)
      await record(agentOf({ systemPrompt, model }), 'Go.')
      expect(bodies[0]).toMatchObject({
        messages: expect.arrayContaining([{ role: 'system', content }]),
      })
    }
  })
})

/** An OpenAI-compatible model that records the bodies of its requests. */
function compatibleModel(provider: string) {
  const bodies: unknown[] = []
  const answer = [new TextEncoder().encode(chatStreams['[DONE] missing'])]
  const transport = byteTransport(answer, ({ body }: TransportRequest) => {
    bodies.push(JSON.parse(String(body)))
  })
  const modelId = 'anthropic/claude-sonnet-4.6'
  const baseUrl = 'http://127.0.0.1:9/v1'
  return { bodies, model: openAICompatible({ provider, modelId, baseUrl, transport }) }
}
