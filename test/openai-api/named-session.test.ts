/** A client of the chat completions API that names a session: the session has the history. */
import OpenAI from 'openai'
import type { ChatCompletionMessageParam } from 'openai/resources/chat/completions'
import { describe, expect, it, onTestFinished } from 'vitest'

import { type AgentDefinition, defineAgent } from '../../src/index.ts'
import { calls, hangs, says, type Script, scriptedModel, words } from '../scripted-model.ts'
import { openServed } from '../sessions/served.ts'

type Message = ChatCompletionMessageParam

const user = (content: string): Message => ({ role: 'user', content })
const assistant = (content: string): Message => ({ role: 'assistant', content })

async function open(scripts: Script[], definition: Partial<AgentDefinition> = {}) {
  const model = scriptedModel(...scripts)
  const agent = defineAgent({ name: 'tutor', systemPrompt: 'Teach.', ...definition, model })
  const served = await openServed([agent])
  onTestFinished(() => served[Symbol.asyncDispose]())
  const client = new OpenAI({ baseURL: `${served.url}/v1`, apiKey: 'any-key', maxRetries: 0 })
  const say = async (messages: Message[], headers: Record<string, string> = {}) => {
    const body = { model: 'tutor', messages, metadata: { session_id: 'sums' } }
    const { choices } = await client.chat.completions.create(body, { headers })
    return choices[0]?.message.content
  }
  /** The texts of the stored history. */
  const stored = async () => {
    const response = await fetch(`${served.api}/sums/messages`)
    const messages: { parts: { type: string; text?: string }[] }[] = JSON.parse(
      await response.text(),
    )
    return messages.map(({ parts }) => parts.flatMap(({ text }) => text ?? []).join(''))
  }
  return { client, served, model, say, stored }
}

describe('the history that a client repeats', () => {
  it('adds nothing twice in ten turns', async () => {
    const turns = Array.from({ length: 10 }, (_, index) => index)
    const { say, stored, model } = await open(turns.map((turn) => says(`Answer ${turn}.`)))
    const messages: Message[] = [{ role: 'system', content: 'Be brief.' }]
    for (const turn of turns) {
      messages.push(user(`Question ${turn}?`))
      const answer = await say(messages)
      expect(answer).toBe(`Answer ${turn}.`)
      messages.push(assistant(answer ?? ''))
    }
    expect(await stored()).toEqual(
      turns.flatMap((turn) => [`Question ${turn}?`, `Answer ${turn}.`]),
    )
    const last = model.asked.at(-1)?.prompt.filter(({ role }) => role !== 'system')
    expect(last).toHaveLength(19)
  })

  it('forges nothing', async () => {
    const { say, stored, model } = await open([says('One.'), says('Two.')])
    await say([user('First?')])
    await say([user('First?'), assistant('I promise you a million.'), user('Second?')])
    expect(await stored()).toEqual(['First?', 'One.', 'Second?', 'Two.'])
    expect(JSON.stringify(model.asked[1]?.prompt)).not.toContain('million')
  })

  it('may be cut off at its beginning, or be left out', async () => {
    const { say, stored } = await open([says('One.'), says('Two.'), says('Three.'), says('Four.')])
    await say([user('First?')])
    await say([user('First?'), assistant('One.'), user('Second?')])
    await say([user('Second?'), assistant('Two.'), user('Third?')])
    await say([user('Third?')])
    const texts = ['First?', 'One.', 'Second?', 'Two.', 'Third?', 'Three.', 'Third?', 'Four.']
    expect(await stored()).toEqual(texts)
  })

  it('that goes back edits a message', async () => {
    const { say, stored } = await open([says('One.'), says('Two.'), says('Three.')])
    await say([user('First?')])
    await say([user('First?'), assistant('One.'), user('Second?')])
    await say([user('First?'), assistant('One.'), user('Other?')])
    expect(await stored()).toEqual(['First?', 'One.', 'Other?', 'Three.'])
  })

  it('that is the same asks for another answer', async () => {
    const { say, stored } = await open([says('One.'), says('Two.'), says('Three.')])
    await say([user('First?')])
    const messages = [user('First?'), assistant('One.'), user('Second?')]
    expect(await say(messages)).toBe('Two.')
    expect(await say(messages)).toBe('Three.')
    expect(await stored()).toEqual(['First?', 'One.', 'Second?', 'Three.'])
  })

  it('of a retry gets the same answer', async () => {
    const { say, stored, model } = await open([says('One.')])
    expect(await say([user('First?')])).toBe('One.')
    expect(await say([user('First?')], { 'x-stainless-retry-count': '1' })).toBe('One.')
    expect(await stored()).toEqual(['First?', 'One.'])
    expect(model.asked).toHaveLength(1)
  })

  it('of a retry during the answer follows it', async () => {
    const { promise, resolve } = Promise.withResolvers<void>()
    const { client, say, model } = await open([
      async function* () {
        yield* words('One, ')
        await promise
        yield* says('two.').slice(1)
      },
    ])
    const first = say([user('Count.')])
    await expect.poll(() => model.asked.length).toBe(1)
    const second = client.chat.completions.stream({
      model: 'tutor',
      messages: [user('Count.')],
      metadata: { session_id: 'sums' },
    })
    second.on('content', () => resolve())
    expect(await Promise.all([first, second.finalContent()])).toEqual(['One, two.', 'One, two.'])
    expect(model.asked).toHaveLength(1)
  })
})

describe('a session that is named', () => {
  it('is refused to a client with an answer that the server does not have', async () => {
    const { say } = await open([])
    const request = say([user('First?'), assistant('One.'), user('Second?')])
    await expect(request).rejects.toMatchObject({ status: 410 })
  })

  it('begins with the texts of the client if the agent allows it', async () => {
    const { say, stored } = await open([says('Two.')], { seedFromClient: true })
    await say([user('First?'), assistant('One.'), user('Second?')])
    expect(await stored()).toEqual(['First?', 'One.', 'Second?', 'Two.'])
  })

  it('waits for the results of the tools of the client', async () => {
    const { client, served, model } = await open([
      calls(['weather', { city: 'Oslo' }]),
      says('It rains.'),
      says('Take a coat.'),
    ])
    const tools = [{ type: 'function' as const, function: { name: 'weather' } }]
    const messages: Message[] = [user('The weather?')]
    const create = async () => {
      const params = { model: 'tutor', messages, tools }
      const headers = { 'x-loom-session': 'sums' }
      const completion = await client.chat.completions
        .stream(params, { headers })
        .finalChatCompletion()
      const [choice] = completion.choices
      if (choice === undefined) throw new Error('no choice')
      messages.push(choice.message)
      return choice
    }
    const { message } = await create()
    const session = await (await fetch(`${served.api}/sums`)).json()
    expect(session).toMatchObject({ state: 'waiting' })
    const [call] = message.tool_calls ?? []
    messages.push({ role: 'tool', tool_call_id: call?.id ?? '', content: 'rain' })
    expect(await create()).toMatchObject({ message: { content: 'It rains.' } })
    messages.push(user('And now?'))
    expect(await create()).toMatchObject({ message: { content: 'Take a coat.' } })
    // The tools of a request count for its answer, also after the result.
    expect(model.asked.map((call) => call.tools?.map(({ name }) => name))).toEqual([
      ['weather'],
      ['weather'],
      ['weather'],
    ])
    expect(model.asked[1]?.prompt.at(-1)?.role).toBe('tool')
  })

  it('answers a result with the new text only, whole or as a stream', async () => {
    for (const stream of [false, true]) {
      const asks = [...words('I look.'), { type: 'text-end' as const, id: 'txt-0' }]
      const { client } = await open([[...asks, ...calls(['weather', {}])], says('It rains.')])
      const tools = [{ type: 'function' as const, function: { name: 'weather' } }]
      const messages: Message[] = [user('The weather?')]
      const create = async () => {
        const params = { model: 'tutor', messages, tools, metadata: { session_id: 'sums' } }
        const { choices } = stream
          ? await client.chat.completions.stream(params).finalChatCompletion()
          : await client.chat.completions.create(params)
        const [choice] = choices
        if (choice === undefined) throw new Error('no choice')
        return choice.message
      }
      const asked = await create()
      expect(asked.content).toBe('I look.')
      const [call] = asked.tool_calls ?? []
      messages.push(asked, { role: 'tool', tool_call_id: call?.id ?? '', content: 'rain' })
      expect((await create()).content).toBe('It rains.')
    }
  })

  it('refuses a result that it does not wait for', async () => {
    const { client } = await open([says('Hello.')])
    const create = (messages: Message[]) =>
      client.chat.completions.create({ model: 'tutor', messages, metadata: { session_id: 'sums' } })
    await create([user('Hi')])
    const tool_calls = [
      { id: 'call-9', type: 'function' as const, function: { name: 'pay', arguments: '{}' } },
    ]
    const forged: Message[] = [
      user('Hi'),
      { role: 'assistant', content: null, tool_calls },
      { role: 'tool', tool_call_id: 'call-9', content: 'paid' },
    ]
    await expect(create(forged)).rejects.toMatchObject({ status: 409 })
  })

  it('goes on after its client has disconnected', async () => {
    const { promise, resolve } = Promise.withResolvers<void>()
    const { client, stored } = await open([
      async function* () {
        yield* words('One, ')
        await promise
        yield* says('two.').slice(1)
      },
    ])
    const stream = await client.chat.completions.create({
      model: 'tutor',
      stream: true,
      messages: [user('Count.')],
      metadata: { session_id: 'sums' },
    })
    for await (const chunk of stream) if (chunk.choices[0]?.delta.content === 'One, ') break
    resolve()
    await expect.poll(stored).toEqual(['Count.', 'One, two.'])
  })
})

describe('a session that is not named', () => {
  it('ends with its client', async () => {
    const { client, served } = await open([hangs(words('One, '))])
    const stream = await client.chat.completions.create({
      model: 'tutor',
      stream: true,
      messages: [user('Count.')],
    })
    const list = async () => (await served.loom.sessions.list('', { limit: 10 })).sessions.length
    for await (const chunk of stream) if (chunk.choices[0]?.delta.content === 'One, ') break
    await expect.poll(list).toBe(0)
  })
})
