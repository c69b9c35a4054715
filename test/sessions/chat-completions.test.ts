/**
 * A client of OpenAI that knows nothing of Loom but the name of its session, over deaths of instances between
 * turns and in the middle of one.
 */
import { randomUUID } from 'node:crypto'

import OpenAI from 'openai'
import type { ChatCompletionMessageParam } from 'openai/resources/chat/completions'
import { expect, it } from 'vitest'

import { until } from '../redis/until.ts'
import { openStage } from './stage.ts'

interface StoredMessage {
  role: string
  parts: { type: string; text?: string }[]
}

const textIn = ({ parts }: StoredMessage) =>
  parts.flatMap(({ type, text }) => (type === 'text' ? (text ?? []) : [])).join('\n\n')

it('ten turns outlive their instances', async () => {
  await using stage = await openStage()
  const id = randomUUID()
  const clientOf = (index: number) =>
    new OpenAI({
      baseURL: `${stage.instance(index).url}/v1`,
      apiKey: 'any-key',
      maxRetries: 0,
      defaultHeaders: { 'x-loom-session': id },
    })
  const messages: ChatCompletionMessageParam[] = []
  const create = (index: number) =>
    clientOf(index).chat.completions.stream({ model: 'assistant', messages }).finalContent()

  for (let turn = 0; turn < 10; turn++) {
    const isCut = turn === 4
    messages.push({ role: 'user', content: `steps: 3, turn ${turn}${isCut ? ', hold at 2' : ''}` })
    let answer: string | null
    if (isCut) {
      const broken = create(0).catch((error: unknown) => error)
      await until(20_000, 'the model is cut off', () => stage.upstream.held === 1)
      await stage.instance(0).kill()
      expect(await broken).toBeInstanceOf(Error)
      stage.upstream.letGo()
      // The client sends the same request again, as after any lost connection.
      answer = await create(1)
      await stage.start(0)
    } else answer = await create(turn % 2)
    messages.push({ role: 'assistant', content: answer })
    if (turn === 7) {
      await stage.instance(0).kill()
      await stage.start(0)
    }
  }

  const response = await fetch(`${stage.instance(1).url}/api/chat/${id}/messages`)
  const stored: StoredMessage[] = JSON.parse(await response.text())
  expect(stored.map(textIn)).toEqual(messages.map(({ content }) => content))
  // The model was asked once for each step, and once more for the one that the death cut off.
  const asked = stage.upstream.calls.filter(({ asked }) => asked.includes('turn 4')).length
  expect(asked).toBe(4)
  expect(stage.upstream.calls).toHaveLength(31)
})

it('an answer without a session leaves nothing behind when its instance dies', async () => {
  await using stage = await openStage()
  const client = new OpenAI({
    baseURL: `${stage.instance(0).url}/v1`,
    apiKey: 'any-key',
    maxRetries: 0,
  })
  const messages = [{ role: 'user' as const, content: 'steps: 1, hold' }]
  const broken = client.chat.completions
    .stream({ model: 'assistant', messages })
    .finalContent()
    .catch((error: unknown) => error)
  await until(20_000, 'the model is cut off', () => stage.upstream.held === 1)
  const list = async () => (await fetch(`${stage.instance(1).url}/api/chat`)).text()
  expect(await list()).toContain('"running"')
  await stage.instance(0).kill()
  expect(await broken).toBeInstanceOf(Error)
  await until(20_000, 'the session is removed', async () => (await list()) === '{"sessions":[]}')
  expect(stage.upstream.calls).toHaveLength(1)
})
