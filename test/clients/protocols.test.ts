/** The two older protocols: plain text, read by the clients of ai 5 to 7, and the data stream of ai 4. */
import { describe, expect, it } from 'vitest'

import { calls, finish, says, words } from '../scripted-model.ts'
import { sdks } from './chat-client.ts'
import { type DataStream, readDataStream } from './data-stream.ts'
import { type LiveServer, openRecorder, openServer } from './live-server.ts'
import { outlineOf } from './plain.ts'
import { Player } from './player.ts'
import { expectQuiet } from './quiet.ts'
import { openAgent } from './test-agent.ts'

expectQuiet()

describe('the text stream', () => {
  for (const sdk of sdks) {
    it(`is one text for ${sdk.name} in every turn`, async () => {
      const { agent, model } = openAgent([
        [...words('Let me look — 🌤. '), ...calls(['weather', { city: 'Oslo' }])],
        says('It is mild.'),
        says('You are welcome.'),
      ])
      await using server = await openServer([agent])
      const recorder = openRecorder()
      const { fetch, decided } = recorder
      const api = `${server.api}?protocol=text`
      const player = new Player(sdk.open({ api, fetch, decided, text: true }), recorder, api)
      await player.say('a turn', { text: 'What is it like outside?' })
      expect(player.parts).toMatchObject([
        { type: 'step-start' },
        { type: 'text', text: 'Let me look — 🌤. \n\nIt is mild.', state: 'done' },
      ])
      await player.say('the next turn', { text: 'Thank you.' })
      expect(outlineOf(player.last)).toEqual(['step-start', 'text You are welcome.'])
      const [first] = recorder.exchanges
      expect(first?.headers.get('content-type')).toBe('text/plain; charset=utf-8')
      expect(first?.text).toBe('Let me look — 🌤. \n\nIt is mild.')
      expect(model.asked).toHaveLength(3)
    })

    it(`ends with an error in ${sdk.name} if the model fails`, async () => {
      const { agent } = openAgent([
        async function* () {
          yield* words('Half an ')
          throw new Error('the wire was cut')
        },
        says('Whole.'),
      ])
      await using server = await openServer([agent])
      const recorder = openRecorder()
      const { fetch, decided } = recorder
      const api = `${server.api}?protocol=text`
      const player = new Player(sdk.open({ api, fetch, decided, text: true }), recorder, api)
      await player.fail('a turn', { text: 'Go.' }, /./)
      expect(await recorder.exchanges[0]?.whole).toBe(false)
      await player.say('the next turn', { text: 'Again.' })
      expect(outlineOf(player.last)).toEqual(['step-start', 'text Whole.'])
    })
  }
})

const question = { id: 'q', role: 'user', content: 'What is it like outside?' }

/** Posts the messages of a client of ai 4 and reads the stream. */
async function ask(server: LiveServer, messages: readonly unknown[]): Promise<DataStream> {
  const response = await fetch(`${server.api}?protocol=data`, {
    method: 'POST',
    body: JSON.stringify({ id: 'chat', messages }),
  })
  expect(response.headers.get('x-vercel-ai-data-stream')).toBe('v1')
  return readDataStream(await response.text())
}

const failed = (args: object, error: RegExp) => ({
  toolInvocation: { state: 'result', args, result: { error: expect.stringMatching(error) } },
})

describe('the data stream', () => {
  it('contains the parts that its client can post again', async () => {
    const { agent, model } = openAgent([
      [
        { type: 'reasoning-start', id: 'r' },
        { type: 'reasoning-delta', id: 'r', delta: 'The sky.' },
        { type: 'reasoning-end', id: 'r' },
        ...words('Let me look. '),
        { type: 'tool-input-start', id: 'call-w', toolName: 'weather' },
        { type: 'tool-input-delta', id: 'call-w', delta: '{"city":"Oslo"}' },
        ...calls(['weather', { city: 'Oslo' }, 'call-w'], ['lookup', { term: 'fjord' }]),
      ],
      [
        { type: 'source', sourceType: 'url', id: 'u', url: 'https://example.com', title: 'Sky' },
        { type: 'file', mediaType: 'image/png', data: { type: 'data', data: 'aGk=' } },
        ...words('It is "mild".\n'),
        finish(),
      ],
      says('You are welcome.'),
    ])
    await using server = await openServer([agent])
    const { message, codes, finish: end } = await ask(server, [question])
    expect(message.parts).toMatchObject([
      { type: 'step-start' },
      { type: 'reasoning', reasoning: 'The sky.' },
      { type: 'text', text: 'Let me look. ' },
      { type: 'tool-invocation', toolInvocation: { state: 'result', args: { city: 'Oslo' } } },
      { type: 'tool-invocation', toolInvocation: { result: { found: { term: 'fjord' } } } },
      { type: 'step-start' },
      { type: 'source', source: { url: 'https://example.com', title: 'Sky' } },
      { type: 'file', mimeType: 'image/png', data: 'aGk=' },
      { type: 'text', text: 'It is "mild".\n' },
    ])
    expect(codes).toMatch(/^8fg0+b/)
    expect(codes).toMatch(/e8d$/)
    expect(end).toEqual({
      finishReason: 'stop',
      usage: { promptTokens: 20, completionTokens: 10 },
    })
    const again = await ask(server, [question, message, { ...question, id: 'q2' }])
    expect(again.message.content).toBe('You are welcome.')
    const [, live, posted] = model.asked.map(({ prompt }) => prompt)
    expect(posted?.slice(0, live?.length)).toEqual(live)
  })

  it('contains failed calls as results', async () => {
    const { agent } = openAgent([
      calls(['broken', {}], ['add', 'nonsense'], ['teleport', {}]),
      says('None of it.'),
    ])
    await using server = await openServer([agent])
    const { message } = await ask(server, [question])
    expect(message.parts.slice(1, 4)).toMatchObject([
      failed({}, /^the pipe burst$/),
      failed({ input: 'nonsense' }, /^The input is not JSON/),
      failed({}, /^There is no tool "teleport"/),
    ])
  })

  it('ends with the error of a failed answer', async () => {
    const { agent } = openAgent([new Error('the model is out')])
    await using server = await openServer([agent])
    await expect(ask(server, [question])).rejects.toThrow('the model is out')
  })

  it('refuses a call that its client cannot approve', async () => {
    const { agent } = openAgent([calls(['remove', { path: '/a' }]), says('I may not.')])
    await using server = await openServer([agent])
    const { message } = await ask(server, [question])
    expect(message.parts[1]).toMatchObject({
      toolInvocation: { state: 'result', result: { error: expect.stringContaining('approval') } },
    })
    expect(message.content).toBe('I may not.')
  })
})
