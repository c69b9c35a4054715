/** The events of AG-UI through the official client, which refuses a wrong sequence. */
import type { AgentCapabilities, AGUIEvent, Message, RunAgentInput } from '@ag-ui/client'
import { Hono } from 'hono'
import { describe, expect, expectTypeOf, it, onTestFinished } from 'vitest'
import { z } from 'zod'

import type { runInput } from '../../routes/ag-ui/run-input.ts'
import { agUiRoutes, type AgentDefinition, defineAgent, defineTool, Loom } from '../../src/index.ts'
import type { AgUiEvent, AgUiMessage } from '../../src/wire/frames/ag-ui/events.ts'
import { breaks, calls, says, type Script, scriptedModel, words } from '../scripted-model.ts'
import { openServed } from '../sessions/served.ts'
import { Thread } from './thread.ts'

async function open(scripts: Script[], definition: Partial<AgentDefinition> = {}) {
  const model = scriptedModel(...scripts)
  const agent = defineAgent({ name: 'tutor', systemPrompt: 'Teach.', ...definition, model })
  const served = await openServed([agent])
  onTestFinished(() => served[Symbol.asyncDispose]())
  return { served, model, thread: new Thread(served.url) }
}

const add = defineTool({
  name: 'add',
  description: 'Adds two numbers',
  inputSchema: z.object({ a: z.number(), b: z.number() }),
  execute: ({ a, b }) => a + b,
})

/** The events of the client have members of an enumeration as their types, and ours have the texts. */
type WithText<EVENT> = EVENT extends { type: infer TYPE extends string }
  ? Omit<EVENT, 'type'> & { type: `${TYPE}` }
  : never

describe('the types', () => {
  it('are those of the client', () => {
    expectTypeOf<AgUiEvent>().toExtend<WithText<AGUIEvent>>()
    expectTypeOf<AgUiMessage>().toExtend<Message>()
    expectTypeOf<RunAgentInput>().toExtend<z.input<typeof runInput>>()
  })
})

describe('a run', () => {
  it('streams a text', async () => {
    const { thread } = await open([says('Hello there.')])
    const { started, finished, types } = await thread.say('Hi', { runId: 'run-1' })
    expect(types).toEqual([
      'RUN_STARTED',
      'STEP_STARTED',
      'TEXT_MESSAGE_START',
      'TEXT_MESSAGE_CONTENT',
      'TEXT_MESSAGE_END',
      'STEP_FINISHED',
      'RUN_FINISHED',
    ])
    expect(started).toEqual({
      type: 'RUN_STARTED',
      threadId: 'thread',
      runId: 'run-1',
      protocolVersion: '1.0',
    })
    expect(finished).toMatchObject({
      threadId: 'thread',
      runId: 'run-1',
      outcome: { type: 'success' },
      usage: [{ provider: 'scripted', totalTokens: 15 }],
    })
    expect(thread.texts).toEqual(['user: Hi', 'assistant: Hello there.'])
    expect(await thread.storedMessages()).toEqual(thread.client.messages)
  })

  it('streams the calls of the agent with their results', async () => {
    const { thread } = await open(
      [calls(['add', { a: 1, b: 2 }], ['add', { a: 'x' }], ['divide', { a: 1 }]), says('It is 3.')],
      { tools: [add] },
    )
    const { results, types } = await thread.say('1 + 2?')
    expect(types).toContain('TOOL_CALL_ARGS')
    expect(results).toHaveLength(3)
    expect(results).toContainEqual(expect.objectContaining({ content: '3' }))
    const failed = { metadata: { loom: { isError: true } } }
    expect(results.filter((result) => 'metadata' in result)).toMatchObject([failed, failed])
    const byId = (a: { id: string }, b: { id: string }) => a.id.localeCompare(b.id)
    expect((await thread.storedMessages()).toSorted(byId)).toEqual(
      thread.client.messages.toSorted(byId),
    )
  })

  it('streams reasoning', async () => {
    const thoughts: Script = [
      { type: 'reasoning-start', id: 'r' },
      { type: 'reasoning-delta', id: 'r', delta: 'A greeting.' },
      { type: 'reasoning-end', id: 'r' },
      ...says('Hello.'),
    ]
    const { thread } = await open([thoughts])
    const { types } = await thread.say('Hi')
    expect(types).toContain('REASONING_MESSAGE_CONTENT')
    expect(thread.texts).toEqual(['user: Hi', 'reasoning: A greeting.', 'assistant: Hello.'])
    expect(await thread.storedMessages()).toEqual(thread.client.messages)
  })

  it('streams data and preliminary outputs as custom events, and the state as a snapshot', async () => {
    const plan = defineTool({
      name: 'plan',
      description: 'Plans',
      inputSchema: z.object({}),
      async *execute(_input, { write }) {
        await write({ type: 'data-state', data: { steps: ['one'] } })
        await write({ type: 'data-note', id: 'n1', data: { text: 'soon' } })
        yield 'half'
        yield { whole: true }
      },
    })
    const { thread } = await open([calls(['plan', {}]), says('Done.')], { tools: [plan] })
    const { custom } = await thread.say('Plan')
    expect(thread.client.state).toEqual({ steps: ['one'] })
    expect(custom).toMatchObject([
      { name: 'data-note', value: { text: 'soon' }, metadata: { loom: { id: 'n1' } } },
      { name: 'tool-output', value: { toolCallId: 'call-0', content: 'half' } },
      { name: 'tool-output', value: { toolCallId: 'call-0', content: '{"whole":true}' } },
    ])
    expect(thread.client.messages).toContainEqual(
      expect.objectContaining({ role: 'tool', content: '{"whole":true}' }),
    )
    // Another page of the thread gets the messages and the state.
    const other = new Thread(thread.url)
    await other.run()
    expect(other.client.messages).toEqual(thread.client.messages)
    expect(other.client.state).toEqual({ steps: ['one'] })
  })

  it('sends an output of megabytes', async () => {
    const text = 'a "quoted" 🧶 row\n'.repeat(10)
    const rows = Array.from({ length: 5000 }, (_, index) => ({ index, text }))
    const read = defineTool({
      name: 'read',
      description: 'Reads',
      inputSchema: z.object({}),
      execute: () => rows,
    })
    const { thread } = await open([calls(['read', {}]), says('Read.')], { tools: [read] })
    const { results } = await thread.say('Read')
    const [content] = results.map((result) => result.content)
    expect(typeof content === 'string' && JSON.parse(content)).toEqual(rows)
  })

  it('returns the structured output as its result', async () => {
    const { thread } = await open([says('{"sum": 3}')], { output: z.object({ sum: z.number() }) })
    const { finished } = await thread.say('1 + 2?')
    expect(finished?.result).toEqual({ sum: 3 })
  })

  it('gives the model the context, the system messages and the tools of the client', async () => {
    const { thread, model } = await open([says('Ahoy.')])
    thread.client.addMessage({ id: 's', role: 'system', content: 'Talk like a pirate.' })
    await thread.say('Hi', {
      context: [{ description: 'The page', value: 'Settings' }],
      tools: [{ name: 'open_page', description: 'Opens a page', parameters: { type: 'object' } }],
    })
    expect(JSON.stringify(model.asked[0]?.prompt)).toContain('Talk like a pirate.')
    expect(JSON.stringify(model.asked[0]?.prompt)).toContain('The page:\\nSettings')
    expect(model.asked[0]?.tools?.map(({ name }) => name)).toEqual(['open_page'])
  })

  it('gives the agent forwardedProps and the state as its context', async () => {
    const { thread, model } = await open([says('Hi.')], {
      systemPrompt: (context: unknown) => JSON.stringify(context),
    })
    thread.client.setState({ draft: 'A' })
    await thread.say('Hi', { forwardedProps: { language: 'nb' } })
    const [system] = model.asked[0]?.prompt ?? []
    expect(system?.content).toBe('{"language":"nb","state":{"draft":"A"}}')
  })

  it('gives the model the images of a message, and leaves out a file of a provider', async () => {
    const { thread, model } = await open([says('A dot.')])
    thread.client.addMessage({
      id: 'm1',
      role: 'user',
      content: [
        { type: 'text', text: 'What is it?' },
        { type: 'image', source: { type: 'data', value: 'iVBORw0KGgo=', mimeType: 'image/png' } },
        { type: 'document', source: { type: 'file', value: 'file-1', provider: 'openai' } },
      ],
    })
    await thread.run()
    const [, question] = model.asked[0]?.prompt ?? []
    expect(question?.content).toMatchObject([
      { type: 'text', text: 'What is it?' },
      { type: 'file', mediaType: 'image/png' },
    ])
    const other = new Thread(thread.url)
    await other.run()
    expect(other.client.messages[0]?.content).toMatchObject([
      { type: 'text' },
      { type: 'image', source: { type: 'data', value: 'iVBORw0KGgo=', mimeType: 'image/png' } },
    ])
  })
})

describe('a failure', () => {
  it('of the model is an event', async () => {
    const { thread } = await open([breaks(words('Half an '), new Error('broken'))], {
      retry: { retries: 0 },
    })
    const { error } = await thread.say('Hi')
    expect(error).toMatchObject({ code: 'model-failed' })
    const { error: again } = await thread.run({ runId: 'same' })
    expect(again).toBeDefined()
  })

  it('before the first event is a status with a text', async () => {
    const { served } = await open([])
    const post = async (body: unknown, agent = 'tutor') => {
      const response = await fetch(`${served.url}/ag-ui/${agent}`, {
        method: 'POST',
        body: JSON.stringify(body),
      })
      return [response.status, await response.text()]
    }
    const input = { threadId: 't', runId: 'r', messages: [] }
    const user = { id: 'm', role: 'user', content: 'Hi' }
    expect(await post({ ...input, messages: [user] }, 'nobody')).toEqual([
      404,
      'There is no such agent. There are: tutor.',
    ])
    expect(await post({ ...input, messages: undefined })).toEqual([
      400,
      expect.stringMatching(/^messages: /),
    ])
    expect(await post({ ...input, threadId: '' })).toEqual([
      400,
      expect.stringMatching(/^threadId: /),
    ])
    expect(await post({ ...input, runId: 7 })).toEqual([400, expect.stringMatching(/^runId: /)])
    expect(await post({ ...input, messages: [{ role: 'user', content: 'Hi' }] })).toEqual([
      400,
      'messages[0].id must be a text.',
    ])
    expect(await post({ ...input, messages: [{ ...user, content: 7 }] })).toEqual([
      400,
      'messages[0].content must be a text or a list of parts.',
    ])
    expect(await post({ ...input, tools: [{ name: 'a b', description: '' }] })).toEqual([
      400,
      expect.stringMatching(/^tools\.0\.name: /),
    ])
    expect(await post(input)).toEqual([404, 'There is no such session.'])
  })

  it('does not come from fields and messages of a later version', async () => {
    const { served } = await open([says('Hello.')])
    const messages = [
      { id: 'x', role: 'hologram', content: {} },
      { id: 'm', role: 'user', content: [{ type: 'smell' }, { type: 'text', text: 'Hi' }] },
    ]
    const response = await fetch(`${served.url}/ag-ui/tutor`, {
      method: 'POST',
      body: JSON.stringify({ threadId: 't', runId: 'r', messages, mood: 'good' }),
    })
    expect(await response.text()).toContain('"outcome":{"type":"success"}')
  })
})

describe('the capabilities', () => {
  it('have the form of AG-UI', async () => {
    const { served } = await open([], { description: 'Teaches.' })
    const response = await fetch(`${served.url}/ag-ui/tutor`)
    const capabilities: AgentCapabilities = JSON.parse(await response.text())
    expect(capabilities).toMatchObject({
      identity: { name: 'tutor', description: 'Teaches.' },
      humanInTheLoop: { interrupts: true, approveWithEdits: false },
    })
  })
})

describe('the routes in a program', () => {
  it('answer below any path', async () => {
    const agent = defineAgent({
      name: 'tutor',
      systemPrompt: '',
      model: scriptedModel(says('Hi.')),
    })
    const loom = new Loom({ agents: [agent] })
    onTestFinished(() => loom.close())
    const app = new Hono()
    app.route('/agents', agUiRoutes(loom, { principalOf: () => 'ada' }))
    const response = await app.request('/agents/tutor', {
      method: 'POST',
      body: JSON.stringify({
        threadId: 't',
        runId: 'r',
        messages: [{ id: 'm', role: 'user', content: 'Hi' }],
      }),
    })
    expect(await response.text()).toContain('"delta":"Hi."')
  })
})
