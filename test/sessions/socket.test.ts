/** A socket of AI SDK 7 over the death and the shutdown of its instance. */
import { randomUUID } from 'node:crypto'

import { expect, it, onTestFinished } from 'vitest'

import { within } from '../deadline.ts'
import { until } from '../redis/until.ts'
import {
  messageText,
  openChat,
  openRaw,
  resuming,
  sending,
  textOf,
} from '../socket/socket-client.ts'
import { openStage, type Stage } from './stage.ts'

const apiOf = (stage: Stage, index: number) => `${stage.instance(index).url}/api/chat`

async function storedText(stage: Stage, index: number, id: string): Promise<string> {
  const response = await fetch(`${apiOf(stage, index)}/${id}/messages?profile=v7`)
  const messages: Parameters<typeof messageText>[0][] = JSON.parse(await response.text())
  return messageText(messages.at(-1))
}

it('an answer continues on another instance when its owner is killed', async () => {
  await using stage = await openStage()
  const id = randomUUID()
  const first = openChat(apiOf(stage, 0), id)
  const other = openChat(apiOf(stage, 1), id)
  onTestFinished(() => {
    first.transport.close()
    other.transport.close()
  })
  using raw = await openRaw(apiOf(stage, 1), id)
  const asked = first.chat.sendMessage({ text: 'steps: 3, hold at 2' })
  await until(20_000, 'the model is held', () => stage.upstream.held === 1)
  // A second page, and a client that counts, follow on the other instance.
  const followed = other.chat.resumeStream()
  raw.send(resuming(id, 'before'))
  await raw.next('a chunk', ({ type }) => type === 'chunk')
  await stage.instance(0).kill()
  await asked
  expect(first.chat.status).toBe('error')
  stage.upstream.letGo()
  await within(30_000, 'the answer on the other instance', followed)
  await raw.next('the end', ({ type }) => type === 'end')
  const text = await storedText(stage, 1, id)
  expect(messageText(other.chat.lastMessage)).toBe(text)
  expect(textOf(raw.frames, 'before')).toBe(text)
  expect(stage.instance(1).errors()).toBe('')
})

it('the chunks have the same numbers on every instance', async () => {
  await using stage = await openStage()
  const id = randomUUID()
  using one = await openRaw(apiOf(stage, 0), id)
  using two = await openRaw(apiOf(stage, 1), id)
  one.send(sending(id, 'post', 'steps: 2, hold'))
  await until(20_000, 'the model is held', () => stage.upstream.held === 1)
  two.send(resuming(id, 'replay'))
  await two.next('the replay', ({ chunk }) => chunk?.type === 'text-delta')
  stage.upstream.letGo()
  await one.next('the end', ({ type }) => type === 'end')
  await two.next('the end', ({ type }) => type === 'end')
  const chunks = ({ frames }: typeof one) => frames.map(({ sequence, chunk }) => [sequence, chunk])
  expect(chunks(two)).toEqual(chunks(one))
})

it('a socket closes with 1012 when its instance ends before its answer', async () => {
  await using stage = await openStage({ environment: { LOOM_GRACE_MS: '1000' } })
  const id = randomUUID()
  using one = await openRaw(apiOf(stage, 0), id)
  one.send(sending(id, 'post', 'steps: 2, hold'))
  await until(20_000, 'the model is held', () => stage.upstream.held === 1)
  const { gone } = stage.instance(0).terminate()
  expect(await within(20_000, 'the close', one.closed)).toBe(1012)
  expect(await gone).toBe(0)
  using two = await openRaw(apiOf(stage, 1), id)
  two.send(resuming(id, 'again'))
  await two.next('the start', ({ type }) => type === 'start')
  stage.upstream.letGo()
  await two.next('the end', ({ type }) => type === 'end')
  expect(textOf(two.frames, 'again')).toBe(await storedText(stage, 1, id))
})
