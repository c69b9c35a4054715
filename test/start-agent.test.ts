/** Conversations in code, through the main function of the library. */
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

import { describe, expect, it } from 'vitest'
import { z } from 'zod'

import {
  type AgentDefinition,
  createModels,
  defineAgent,
  defineTool,
  LoomError,
  openMemoryStore,
  openRedisStore,
  startAgent,
} from '../src/index.ts'
import { within } from './deadline.ts'
import { startLoom } from './loom-process.ts'
import { startRedis } from './redis/redis.ts'
import { calls, says, type Script, scriptedModel, words } from './scripted-model.ts'

const models = createModels({ environment: {} })

function tutor(scripts: readonly Script[], more: Partial<AgentDefinition> = {}) {
  const model = scriptedModel(...scripts)
  const agent = defineAgent({ name: 'tutor', systemPrompt: 'You teach.', model, ...more })
  return { agent, model }
}

const endless: Script = async function* (signal) {
  yield* words('On and ')
  await once(signal, 'abort')
}

describe('a started agent', () => {
  it('a session answers calls with its history', async () => {
    const { agent, model } = tutor([says('4.'), says('40.')])
    const session = startAgent(agent, { models })
    const first = await session.call('What is 2 + 2?')
    expect(first).toMatchObject({ text: '4.', state: 'idle', message: { role: 'assistant' } })
    expect((await session.call('Now multiply that by 10')).text).toBe('40.')
    const messages = await session.messages()
    expect(messages.map(({ role }) => role)).toEqual(['user', 'assistant', 'user', 'assistant'])
    expect(messages[1]).toEqual(first.message)
    expect(model.asked[1]?.prompt.map(({ role }) => role)).toEqual([
      'system',
      'user',
      'assistant',
      'user',
    ])
  })

  it('a cast returns at once and gets an answer', async () => {
    const { agent } = tutor([says('One.'), says('Two.')])
    const session = startAgent(agent, { models })
    expect(await session.cast('first')).toEqual(expect.any(String))
    expect((await session.call('second')).text).toBe('Two.')
  })

  it('a stopped answer keeps its text', async () => {
    const { agent } = tutor([endless])
    const session = startAgent(agent, { models })
    const types: string[] = []
    for await (const event of session.stream('Tell me all.')) {
      types.push(event.type)
      if (event.type === 'text-delta') expect(await session.stop()).toBe(true)
    }
    expect(types.slice(-3)).toEqual(['finish-step', 'abort', 'finish'])
    expect((await session.messages()).at(-1)?.parts).toContainEqual(
      expect.objectContaining({ type: 'text', text: 'On and ' }),
    )
    expect(await session.stop()).toBe(false)
  })

  it('callbacks receive the context of each call', async () => {
    const systemPrompt = ({ name }: { name: string }) => `You teach ${name}.`
    const model = scriptedModel(says('Hi.'))
    const agent = defineAgent<{ name: string }>({ name: 'tutor', systemPrompt, model })
    const session = startAgent(agent, { models })
    await session.call('Hello', { context: { name: 'Ada' } })
    expect(model.asked[0]?.prompt[0]).toMatchObject({ content: 'You teach Ada.' })
  })

  it('the context of the session counts for each message without its own', async () => {
    const systemPrompt = ({ name }: { name: string }) => `You teach ${name}.`
    const model = scriptedModel(says('Hi.'), says('Hi.'))
    const agent = defineAgent({ name: 'tutor', systemPrompt, model })
    const session = startAgent(agent, { models, context: { name: 'Ada' } })
    await session.call('Hello')
    await session.call('Hello', { context: { name: 'Bob' } })
    expect(model.asked.map(({ prompt }) => prompt[0]?.content)).toEqual([
      'You teach Ada.',
      'You teach Bob.',
    ])
  })

  it('a context that is no JSON object is refused', async () => {
    const agent = defineAgent({ name: 'tutor', systemPrompt: (name: string) => `Teach ${name}.` })
    const session = startAgent(agent, { models })
    await expect(session.call('Hello', { context: 'Ada' })).rejects.toThrow(/object of JSON values/)
  })

  it('a failed turn throws; the next one works', async () => {
    const { agent } = tutor([new Error('the model is out'), says('Back.')], {
      retry: { retries: 0 },
    })
    await using session = startAgent(agent, { models, report: () => {} })
    await expect(session.call('Hello?')).rejects.toThrow(/the model is out/)
    await expect(session.call('Hello?')).resolves.toMatchObject({ text: 'Back.' })
  })

  it('an invalid session id is refused', () => {
    const { agent } = tutor([])
    expect(() => startAgent(agent, { models, id: '' })).toThrow(LoomError)
    expect(() => startAgent(agent, { models, id: 'x'.repeat(257) })).toThrow(/256/)
    expect(() => startAgent(agent, { models, id: '..' })).toThrow(LoomError)
  })

  it('a client-side tool leaves the session waiting', async () => {
    const { agent } = tutor([calls(['ask', { question: 'Where?' }])], {
      tools: [
        defineTool({
          name: 'ask',
          description: 'Asks the user.',
          inputSchema: z.object({ question: z.string() }),
        }),
      ],
    })
    const session = startAgent(agent, { models })
    const { state, message } = await session.call('Go.')
    expect([state, message.parts.at(-1)]).toMatchObject(['waiting', { state: 'input-available' }])
    // The message is unfinished, so it is in a log and not yet in the history.
    expect(await session.messages()).toHaveLength(1)
  })
})

describe('two that were started with one store and id', () => {
  it('one store and id are one conversation', async () => {
    const store = openMemoryStore()
    const { agent, model } = tutor([says('4.'), says('40.')])
    await startAgent(agent, { models, store, id: 'sums' }).call('What is 2 + 2?')
    const other = startAgent(agent, { models, store, id: 'sums' })
    expect((await other.call('And times 10?')).text).toBe('40.')
    expect(model.asked[1]?.prompt).toHaveLength(4)
  })

  it('a conversation in Redis survives its process', async () => {
    await using redis = await startRedis()
    const { agent } = tutor([says('4.'), says('40.')])
    const open = async () =>
      startAgent(agent, { models, id: 'sums', store: await openRedisStore({ url: redis.url }) })
    {
      await using first = await open()
      await first.call('What is 2 + 2?')
    }
    await using second = await open()
    expect((await second.call('And times 10?')).text).toBe('40.')
    expect(await second.messages()).toHaveLength(4)
  })
})

it('an idle session lets its program end', async () => {
  const program = fileURLToPath(new URL('fixtures/two-calls.ts', import.meta.url))
  const { exited, output } = startLoom({}, [], program)
  expect(await within(10_000, 'the end of the program', exited)).toBe(0)
  expect(output()).toEqual({ stdout: '6 × 7 = **42**\n4 messages\n', stderr: '' })
})
