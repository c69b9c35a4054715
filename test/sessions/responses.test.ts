/**
 * Clients of the Responses API over deaths of instances, between turns and in the middle of one: a chain of responses, a
 * conversation, and a poller in the background.
 */
import { randomUUID } from 'node:crypto'

import OpenAI from 'openai'
import type {
  Response as OpenAiResponse,
  ResponseCreateParamsStreaming,
  ResponseStreamEvent,
} from 'openai/resources/responses/responses'
import { expect, it } from 'vitest'

import { until } from '../redis/until.ts'
import { openStage } from './stage.ts'

interface StoredMessage {
  role: string
  parts: { type: string; text?: string; output?: unknown }[]
}

const textIn = ({ parts }: StoredMessage) =>
  parts.flatMap(({ type, text }) => (type === 'text' ? (text ?? []) : [])).join('')

/** The events of a response, and the parts of it that a client shows. */
class Seen {
  id = ''
  text = ''
  end: OpenAiResponse | undefined
  #numbers: number[] = []

  get last(): number {
    return this.#numbers.at(-1) ?? -1
  }

  /** Reads a stream to its end. */
  async read(stream: AsyncIterable<ResponseStreamEvent>): Promise<void> {
    for await (const event of stream) {
      if (!('sequence_number' in event)) continue
      expect(event.sequence_number).toBe(this.last + 1)
      this.#numbers.push(event.sequence_number)
      if (event.type === 'response.created') this.id = event.response.id
      if (event.type === 'response.output_text.delta') this.text += event.delta
      if (event.type === 'response.completed') this.end = event.response
    }
  }
}

it('ten turns of a chain and of a conversation outlive their instances', async () => {
  await using stage = await openStage()
  const clientOf = (index: number) =>
    new OpenAI({ baseURL: `${stage.instance(index).url}/v1`, apiKey: 'any-key', maxRetries: 0 })
  const create = (index: number, body: Omit<ResponseCreateParamsStreaming, 'model' | 'stream'>) =>
    clientOf(index).responses.create({ ...body, model: 'assistant', stream: true })
  const storedIn = async (session: string): Promise<StoredMessage[]> =>
    JSON.parse(await (await fetch(`${stage.instance(1).url}/api/chat/${session}/messages`)).text())
  const conversation = randomUUID()
  const chain: Seen[] = []
  const talk: Seen[] = []
  const isCut = (turn: number) => turn === 4

  for (let turn = 0; turn < 10; turn++) {
    const index = isCut(turn) ? 0 : turn % 2
    const wish = `steps: 2, turn ${turn}${isCut(turn) ? ', hold at 2' : ''}`
    const previous = chain.at(-1)?.id
    const ones = [
      { list: chain, body: { input: wish, ...(previous && { previous_response_id: previous }) } },
      { list: talk, body: { input: wish, conversation } },
    ].map(({ list, body }) => {
      const seen = new Seen()
      list.push(seen)
      return { seen, ended: create(index, body).then((stream) => seen.read(stream)) }
    })
    if (isCut(turn)) {
      const background = await clientOf(0).responses.create({
        model: 'assistant',
        input: 'steps: 2, in the background, hold at 2',
        background: true,
      })
      await until(20_000, 'the models are cut off', () => stage.upstream.held === 3)
      await until(20_000, 'the clients have a text', () =>
        ones.every(({ seen }) => seen.text !== ''),
      )
      const broken = Promise.allSettled(ones.map(({ ended }) => ended))
      await stage.instance(0).kill()
      for (const { status } of await broken) expect(status).toBe('rejected')
      stage.upstream.letGo()
      const { responses } = clientOf(1)
      for (const { seen } of ones) {
        const after = { stream: true as const, starting_after: seen.last }
        await seen.read(await responses.retrieve(seen.id, after))
      }
      await until(20_000, 'the background response has ended', async () => {
        return (await responses.retrieve(background.id)).status === 'completed'
      })
      const { output_text } = await responses.retrieve(background.id)
      expect(output_text).toMatch(/./)
      await stage.start(0)
    } else await Promise.all(ones.map(({ ended }) => ended))
    if (turn === 7) {
      await stage.instance(0).kill()
      await stage.start(0)
    }
  }

  const { responses } = clientOf(1)
  const [first] = chain
  const { data } = await responses.retrieve(first?.id ?? '').withResponse()
  expect(data.status).toBe('completed')
  const sessions = new Set<string | null>()
  for (const [list, name] of [
    [chain, undefined],
    [talk, conversation],
  ] as const) {
    const texts: string[] = []
    for (const seen of list) {
      const { data: stored, response } = await responses.retrieve(seen.id).withResponse()
      sessions.add(response.headers.get('x-loom-session'))
      expect(stored.output).toEqual(seen.end?.output)
      expect(stored.output_text).toBe(seen.text)
      texts.push(stored.output_text)
    }
    const id = name ?? sessions.values().next().value ?? ''
    const answers = (await storedIn(id)).filter(({ role }) => role === 'assistant')
    expect(answers.map(textIn)).toEqual(texts)
    const results = answers.map(({ parts }) =>
      parts.flatMap(({ output }) => (output === undefined ? [] : [JSON.stringify(output)])),
    )
    expect(results).toEqual(
      list.map(({ end }) =>
        (end?.output ?? []).flatMap((item) =>
          item.type === 'mcp_call' ? [item.output ?? 'none'] : [],
        ),
      ),
    )
    sessions.clear()
  }
})
