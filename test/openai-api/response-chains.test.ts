/** Responses that continue others, run in the background, are stopped and deleted, through OpenAI's own client. */
import OpenAI from 'openai'
import type {
  FunctionTool,
  ResponseCreateParamsNonStreaming,
} from 'openai/resources/responses/responses'
import { describe, expect, it, onTestFinished } from 'vitest'

import { type AgentDefinition, defineAgent } from '../../src/index.ts'
import { calls, hangs, says, type Script, scriptedModel, words } from '../scripted-model.ts'
import { openServed } from '../sessions/served.ts'

async function open(scripts: Script[], definition: Partial<AgentDefinition> = {}) {
  const model = scriptedModel(...scripts)
  const agent = defineAgent({ name: 'tutor', systemPrompt: 'Teach.', ...definition, model })
  const served = await openServed([agent])
  onTestFinished(() => served[Symbol.asyncDispose]())
  const client = new OpenAI({ baseURL: `${served.url}/v1`, apiKey: 'any-key', maxRetries: 0 })
  type Body = Partial<ResponseCreateParamsNonStreaming>
  const create = (body: Body, headers: Record<string, string> = {}) =>
    client.responses.create({ model: 'tutor', ...body }, { headers })
  /** Posts a message and returns the response. */
  const say = (input: string, previous?: string, headers: Record<string, string> = {}) =>
    create({ input, ...(previous !== undefined && { previous_response_id: previous }) }, headers)
  const sessions = async () => (await served.loom.sessions.list('', { limit: 50 })).sessions
  /** The texts of the prompt of a call. */
  const prompt = (call: number) =>
    model.asked[call]?.prompt
      .filter(({ role }) => role !== 'system')
      .flatMap(({ content }) =>
        Array.isArray(content)
          ? content.flatMap((part) => (part.type === 'text' ? part.text : part.type))
          : [],
      )
  return { client, served, model, create, say, sessions, prompt }
}

const weather: FunctionTool = {
  type: 'function',
  name: 'weather',
  strict: null,
  parameters: { type: 'object', properties: {} },
}

/** A reply that waits in its middle until `resume` is called. */
function held() {
  const { promise, resolve } = Promise.withResolvers<void>()
  const script: Script = async function* () {
    yield* words('One, ')
    await promise
    yield* says('two.').slice(1)
  }
  return { script, resume: () => resolve() }
}

describe('previous_response_id', () => {
  it('continues one session in ten turns', async () => {
    const turns = Array.from({ length: 10 }, (_, index) => index)
    const { say, sessions, prompt, client } = await open(turns.map((turn) => says(`A${turn}.`)))
    let previous: string | undefined
    for (const turn of turns) {
      const response = await say(`Q${turn}?`, previous)
      expect(response.output_text).toBe(`A${turn}.`)
      expect(response.previous_response_id).toBe(previous ?? null)
      previous = response.id
    }
    expect(await sessions()).toHaveLength(1)
    expect(prompt(9)).toEqual([
      ...turns.slice(0, 9).flatMap((turn) => [`Q${turn}?`, `A${turn}.`]),
      'Q9?',
    ])
    const last = await client.responses.retrieve(previous ?? '')
    expect(last).toMatchObject({ output_text: 'A9.' })
    expect(last.previous_response_id).toMatch(/^resp_/)
  })

  it('of an earlier response begins a branch, and both go on', async () => {
    const { say, sessions, prompt, client } = await open([
      says('One.'),
      says('Two.'),
      says('Other.'),
      says('Three.'),
      says('Further.'),
    ])
    const first = await say('First?')
    const second = await say('Second?', first.id)
    const other = await say('Second, but other?', first.id)
    const third = await say('Third?', second.id)
    const further = await say('Further?', other.id)
    expect(other.output_text).toBe('Other.')
    expect(prompt(2)).toEqual(['First?', 'One.', 'Second, but other?'])
    expect(prompt(3)).toEqual(['First?', 'One.', 'Second?', 'Two.', 'Third?'])
    expect(prompt(4)).toEqual(['First?', 'One.', 'Second, but other?', 'Other.', 'Further?'])
    expect(await sessions()).toHaveLength(2)
    for (const { id, output_text } of [first, second, other, third, further]) {
      expect(await client.responses.retrieve(id)).toMatchObject({ output_text })
    }
  })

  it('may be continued by the same words twice', async () => {
    const { say, prompt } = await open([says('One.'), says('Heads.'), says('Tails.')])
    const first = await say('Hi')
    const ones = [await say('Flip a coin.', first.id), await say('Flip a coin.', first.id)]
    expect(ones.map(({ output_text }) => output_text)).toEqual(['Heads.', 'Tails.'])
    expect(prompt(2)).toEqual(['Hi', 'One.', 'Flip a coin.'])
  })

  it('of a repeated request gets the same answer', async () => {
    const { say, model, sessions } = await open([says('One.'), says('Two.')])
    const first = await say('Hi')
    const second = await say('And?', first.id)
    const again = await say('And?', first.id, { 'x-stainless-retry-count': '1' })
    expect(again.output).toMatchObject([{ content: [{ text: 'Two.' }] }])
    expect(second.output_text).toBe('Two.')
    expect(model.asked).toHaveLength(2)
    expect(await sessions()).toHaveLength(1)
  })

  it('of a response that runs waits for its end', async () => {
    const { script, resume } = held()
    const { say, create, prompt } = await open([script, says('Three.')])
    const first = await create({ input: 'Count.', background: true })
    expect(first.status).toBe('in_progress')
    const second = say('On.', first.id)
    resume()
    expect((await second).output_text).toBe('Three.')
    expect(prompt(1)).toEqual(['Count.', 'One, two.', 'On.'])
  })

  it('of a call that was answered begins a branch with another result', async () => {
    const { create, prompt } = await open([
      calls(['weather', {}]),
      says('It rains.'),
      says('It snows.'),
      says('Take a sledge.'),
    ])
    const tools = [weather]
    const asked = await create({ input: 'The weather?', tools })
    const answer = (output: string) =>
      create({
        tools,
        previous_response_id: asked.id,
        input: [{ type: 'function_call_output', call_id: 'call-0', output }],
      })
    expect((await answer('rain')).output_text).toBe('It rains.')
    const snow = await answer('snow')
    expect(snow.output_text).toBe('It snows.')
    const advice = await create({ input: 'So?', previous_response_id: snow.id })
    expect(advice.output_text).toBe('Take a sledge.')
    expect(prompt(3)).toEqual(['The weather?', 'tool-call', 'tool-result', 'It snows.', 'So?'])
  })

  it('can be continued without a stored answer', async () => {
    const { say, create, sessions, prompt } = await open([says('One.'), says('Two.'), says('3.')])
    const first = await say('Hi')
    await create({ input: 'And?', previous_response_id: first.id, store: false })
    await expect.poll(async () => (await sessions()).length).toBe(1)
    await say('On?', first.id)
    expect(prompt(1)).toEqual(['Hi', 'One.', 'And?'])
    expect(prompt(2)).toEqual(['Hi', 'One.', 'On?'])
  })
})

describe('a conversation', () => {
  it('is a session by its name', async () => {
    const { create, served, prompt } = await open([says('One.'), says('Two.')])
    const first = await create({ input: 'First?', conversation: 'sums' })
    expect(first.conversation).toEqual({ id: 'sums' })
    await create({ input: 'Second?', conversation: { id: 'sums' } })
    expect(prompt(1)).toEqual(['First?', 'One.', 'Second?'])
    const stored = await (await fetch(`${served.api}/sums/messages`)).json()
    expect(stored).toHaveLength(4)
  })

  it('may have the name of a chat completion, and its tools', async () => {
    const { create, client } = await open([says('One.'), calls(['weather', {}]), says('Rain.')])
    await client.chat.completions.create({
      model: 'tutor',
      messages: [{ role: 'user', content: 'Hi' }],
      metadata: { session_id: 'sums' },
    })
    const common = { conversation: 'sums', tools: [weather] }
    const asked = await create({ ...common, input: 'The weather?' })
    expect(asked.output).toMatchObject([{ type: 'function_call', call_id: 'call-0' }])
    const answer = await create({
      ...common,
      input: [{ type: 'function_call_output', call_id: 'call-0', output: 'rain' }],
    })
    expect(answer.output_text).toBe('Rain.')
    expect((await client.responses.retrieve(asked.id)).output).toEqual(asked.output)
  })

  it('must be stored', async () => {
    const { create } = await open([])
    const request = create({ input: 'Hi', conversation: 'sums', store: false })
    await expect(request).rejects.toMatchObject({ status: 400, param: 'store' })
  })
})

describe('a background response', () => {
  it('is polled to its end, and followed from any event', async () => {
    const { script, resume } = held()
    const { create, client } = await open([script])
    const { id, status, background } = await create({ input: 'Count.', background: true })
    expect([status, background]).toEqual(['in_progress', true])
    await expect.poll(async () => (await client.responses.retrieve(id)).output_text).toBe('One, ')
    const stream = await client.responses.retrieve(id, { stream: true })
    let seen = -1
    for await (const event of stream) {
      if (!('sequence_number' in event)) continue
      seen = event.sequence_number
      if (event.type === 'response.output_text.delta') break
    }
    resume()
    const rest: string[] = []
    for await (const event of await client.responses.retrieve(id, {
      stream: true,
      starting_after: seen,
    })) {
      if (event.type === 'response.output_text.delta') rest.push(event.delta)
    }
    expect(rest.join('')).toBe('two.')
    expect(await client.responses.retrieve(id)).toMatchObject({
      status: 'completed',
      output_text: 'One, two.',
      background: true,
    })
  })

  it('is cancelled, and stays so', async () => {
    const { create, client } = await open([hangs(words('One, '))])
    const { id } = await create({ input: 'Count.', background: true })
    await expect.poll(async () => (await client.responses.retrieve(id)).output_text).toBe('One, ')
    expect(await client.responses.cancel(id)).toMatchObject({ id, status: 'cancelled' })
    expect(await client.responses.cancel(id)).toMatchObject({ id, status: 'cancelled' })
    const end = await client.responses.stream({ response_id: id }).finalResponse()
    expect(end).toMatchObject({ status: 'cancelled', output_text: 'One, ' })
  })

  it('waits in its conversation, and can be cancelled there', async () => {
    const { script, resume } = held()
    const { create, client } = await open([script])
    const common = { conversation: 'sums', background: true }
    const first = await create({ ...common, input: 'Count.' })
    const second = await create({ ...common, input: 'Again.', metadata: { a: 'b' } })
    expect(second.status).toBe('queued')
    expect(await client.responses.retrieve(second.id)).toMatchObject({
      status: 'queued',
      metadata: { a: 'b' },
    })
    const items = await client.responses.inputItems.list(second.id)
    expect(items.data).toMatchObject([{ content: [{ text: 'Again.' }] }])
    expect(await client.responses.cancel(second.id)).toMatchObject({ status: 'cancelled' })
    expect(await client.responses.retrieve(second.id)).toMatchObject({ status: 'cancelled' })
    resume()
    const end = await client.responses.stream({ response_id: first.id }).finalResponse()
    expect(end.output_text).toBe('One, two.')
  })

  it('only can be cancelled', async () => {
    const { say, client } = await open([says('One.')])
    const { id } = await say('Hi')
    await expect(client.responses.cancel(id)).rejects.toMatchObject({
      status: 400,
      message: expect.stringContaining('Cannot cancel a synchronous response.'),
    })
  })
})

describe('the input of a response', () => {
  it('is listed, the newest item first', async () => {
    const { create, client, say } = await open([says('One.'), says('Two.')])
    const first = await create({
      input: [
        { role: 'user', content: 'A?' },
        { role: 'assistant', content: 'B.' },
        {
          role: 'user',
          content: [
            { type: 'input_text', text: 'C?' },
            {
              type: 'input_image',
              detail: 'auto',
              image_url: 'data:image/png;base64,iVBORw0KGgo=',
            },
          ],
        },
      ],
    })
    const items = await client.responses.inputItems.list(first.id)
    expect(items.data).toMatchObject([
      { role: 'user', content: [{ text: 'C?' }, { type: 'input_image' }] },
      { role: 'assistant', content: [{ text: 'B.' }] },
      { role: 'user', content: [{ text: 'A?' }] },
    ])
    const ids: (string | null | undefined)[] = []
    const pages = client.responses.inputItems.list(first.id, { order: 'asc', limit: 2 })
    for await (const { id } of pages) ids.push(id)
    expect(ids).toEqual(items.data.map(({ id }) => id).toReversed())
    const second = await say('D?', first.id)
    const added = await client.responses.inputItems.list(second.id)
    expect(added.data).toMatchObject([{ content: [{ text: 'D?' }] }])
  })
})

describe('a deletion', () => {
  it('of the last response deletes its chain', async () => {
    const { say, client, sessions } = await open([says('One.'), says('Two.')])
    const first = await say('Hi')
    const second = await say('And?', first.id)
    await expect(client.responses.delete(first.id)).rejects.toMatchObject({ status: 409 })
    await client.responses.delete(second.id)
    expect(await sessions()).toEqual([])
    for (const { id } of [first, second]) {
      await expect(client.responses.retrieve(id)).rejects.toMatchObject({ status: 404 })
    }
  })

  it('leaves a conversation that the client named', async () => {
    const { create, client, sessions } = await open([says('One.')])
    const { id } = await create({ input: 'Hi', conversation: 'sums' })
    await expect(client.responses.delete(id)).rejects.toMatchObject({ status: 409 })
    expect(await sessions()).toHaveLength(1)
  })
})
