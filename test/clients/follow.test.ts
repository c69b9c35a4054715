/**
 * Tabs that show the messages of other clients: a page that loads while messages wait, and an idle
 * page.
 */
import { describe, expect, it, vi } from 'vitest'

import { followSession, resumableFetch, stopChat } from '../../src/client.ts'
import { fieldOf, isFields } from '../../src/ground/fields.ts'
import { within } from '../deadline.ts'
import { says } from '../scripted-model.ts'
import { Gate, saysWhen } from '../sessions/scripts.ts'
import { type ChatMessage, sdks } from './chat-client.ts'
import { openServer } from './live-server.ts'
import { wait } from './player.ts'
import { expectQuiet } from './quiet.ts'
import { openAgent } from './test-agent.ts'

const textOf = ({ parts }: { parts: readonly object[] }) =>
  parts.map((part) => ('text' in part ? String(part.text) : '')).join('')

const cast = async (api: string, text: string) => {
  const message = { id: text, role: 'user', parts: [{ type: 'text', text }] }
  const body = JSON.stringify({ id: 'c', messages: [message] })
  const response = await fetch(api, { method: 'POST', headers: { prefer: 'respond-async' }, body })
  expect(response.status).toBe(202)
}

const historyOf = async (api: string, query = ''): Promise<ChatMessage[]> => {
  const messages: ChatMessage[] = JSON.parse(
    await (await fetch(`${api}/c/messages${query}`)).text(),
  )
  return messages
}

expectQuiet()

for (const sdk of sdks.filter(({ strict }) => !strict)) {
  it(`a page of ${sdk.name} shows a queued message and its answers`, async () => {
    const gate = new Gate('the first answer')
    const { agent } = openAgent([saysWhen(gate, 'One', ' one.'), says('Two.')])
    await using server = await openServer([agent])
    const { api } = server
    await cast(api, 'First')
    await gate.reached()
    await cast(api, 'Second')
    const messages = await historyOf(api)
    expect(messages.map(textOf)).toEqual(['First', 'Second'])
    expect(messages.map((message) => fieldOf(message, 'metadata'))).toEqual([
      undefined,
      { queued: true },
    ])
    expect((await historyOf(api, '?queued=1')).map(textOf)).toEqual(['First', 'Second'])
    expect((await historyOf(api, '?queued=0')).map(textOf)).toEqual(['First'])
    // ai 5 shows the messages of one stream as one. The page declares this and loads the others.
    const isOne = sdk.major === 5
    const mine = isOne ? `${api}?profile=v5` : api
    const options = { api: mine, id: 'c', messages, decided: () => {} }
    const page = sdk.open({ ...options, fetch: resumableFetch() })
    const resumed = page.resumeStream()
    await vi.waitFor(() => expect(page.messages.map(textOf)).toContain('One'), wait)
    gate.open()
    await resumed
    expect([page.status, page.messages.map(textOf)]).toEqual([
      'ready',
      ['First', 'Second', 'One one.', ...(isOne ? [] : ['Two.'])],
    ])
    await vi.waitFor(async () => expect(await historyOf(api)).toHaveLength(4), wait)
    const stored = await historyOf(api)
    expect(stored.map(textOf)).toEqual(['First', 'One one.', 'Second', 'Two.'])
    const ids = (of: readonly ChatMessage[]) => of.map(({ id }) => id).toSorted()
    if (!isOne) expect(ids(page.messages)).toEqual(ids(stored))
    expect((await fetch(`${api}/c/stream?follow=queue`)).status).toBe(204)
  })
}

describe('the stream of a session', () => {
  /** Collects the chunks of an idle tab as short texts. */
  function openTab(api: string, base: typeof fetch = fetch) {
    const leaving = new AbortController()
    const words: string[] = []
    const onChunk = (chunk: { type: string }) => {
      const data = fieldOf(chunk, 'data')
      if (chunk.type === 'start') words.push('start')
      if (chunk.type === 'text-delta') words.push(String(fieldOf(chunk, 'delta')))
      if (chunk.type === 'finish') words.push('finish')
      if (chunk.type === 'error') words.push(`error ${String(fieldOf(chunk, 'errorText'))}`)
      if (chunk.type === 'data-user-message') words.push(`said ${textOf({ parts: partsOf(data) })}`)
      if (chunk.type === 'data-queue') {
        const held = fieldOf(data, 'held') === true ? ' held' : ''
        words.push(`queue${held}: ${messagesOf(data).map(textOf).join()}`)
      }
    }
    const ended = followSession(api, 'c', { onChunk, signal: leaving.signal, fetch: base })
    return {
      words,
      ended,
      shows: (last: string) => vi.waitFor(() => expect(words).toContain(last), wait),
      async leave() {
        leaving.abort()
        await ended.catch(() => {})
      },
    }
  }

  const listOf = (value: unknown): readonly object[] =>
    Array.isArray(value) ? value.filter((each) => isFields(each)) : []
  const partsOf = (message: unknown) => listOf(fieldOf(message, 'parts'))
  const messagesOf = (data: unknown) =>
    listOf(fieldOf(data, 'messages')).map((message) => ({ parts: partsOf(message) }))

  it('continues across turns from before the first message', async () => {
    const { agent } = openAgent([says('One.'), says('Two.')])
    await using server = await openServer([agent])
    const tab = openTab(server.api)
    await cast(server.api, 'First')
    await tab.shows('One.')
    await vi.waitFor(() => expect(tab.words).toHaveLength(4), wait)
    await cast(server.api, 'Second')
    await tab.shows('Two.')
    await vi.waitFor(() => expect(tab.words).toHaveLength(8), wait)
    expect(tab.words.slice(0, 4)).toEqual(['said First', 'start', 'One.', 'finish'])
    expect(tab.words.slice(4)).toEqual(['said Second', 'start', 'Two.', 'finish'])
    await tab.leave()
  })

  it('shows the queue and the held messages', async () => {
    const gate = new Gate('the first answer')
    const { agent } = openAgent([saysWhen(gate, 'One', ' one.'), says('Two.')])
    await using server = await openServer([agent])
    const { api } = server
    await cast(api, 'First')
    await gate.reached()
    await cast(api, 'Second')
    const tab = openTab(api)
    await tab.shows('queue: Second')
    await tab.shows('One')
    expect(await stopChat(api, 'c')).toBe(true)
    await tab.shows('queue held: Second')
    gate.open()
    expect((await fetch(`${api}/c/queue/run`, { method: 'POST' })).status).toBe(200)
    await tab.shows('Two.')
    const tail = ['queue: ', 'said Second', 'start', 'Two.']
    expect(tab.words.filter((word) => tail.includes(word)).slice(-4)).toEqual(tail)
    await tab.leave()
  })

  it('resumes at the break, also between two messages', async () => {
    const { agent } = openAgent([says('One.'), says('Two.')])
    await using server = await openServer([agent])
    const cuts: AbortController[] = []
    const breaking: typeof fetch = async (input, init) => {
      const cut = new AbortController()
      cuts.push(cut)
      const { signal } = init ?? {}
      const any = signal ? AbortSignal.any([cut.signal, signal]) : cut.signal
      return fetch(input, { ...init, signal: any })
    }
    const tab = openTab(server.api, breaking)
    await vi.waitFor(() => expect(cuts).toHaveLength(1), wait)
    await cast(server.api, 'First')
    await tab.shows('finish')
    cuts[0]?.abort(new TypeError('network error'))
    await vi.waitFor(() => expect(cuts).toHaveLength(2), wait)
    await cast(server.api, 'Second')
    await tab.shows('Two.')
    await vi.waitFor(() => expect(tab.words.at(-1)).toBe('finish'), wait)
    expect(tab.words.slice(-4)).toEqual(['said Second', 'start', 'Two.', 'finish'])
    expect(tab.words.filter((word) => word === 'One.')).toHaveLength(1)
    await tab.leave()
  })

  for (const isIdle of [true, false]) {
    const when = isIdle ? 'between two messages' : 'in the middle of an answer'
    it(`ends with an error if the session is deleted ${when}`, async () => {
      const gate = new Gate('the first answer')
      if (isIdle) gate.open()
      const { agent } = openAgent([saysWhen(gate, 'One', ' one.'), says('Two.')])
      await using server = await openServer([agent])
      const { api } = server
      const tab = openTab(api)
      await cast(api, 'First')
      await tab.shows(isIdle ? 'finish' : 'One')
      expect((await fetch(`${api}/c`, { method: 'DELETE' })).status).toBe(204)
      await cast(api, 'Second')
      await within(10_000, 'the end of the stream', tab.ended)
      expect(tab.words.filter((word) => word.startsWith('error')).join()).toContain('was deleted')
      expect(tab.words.join()).not.toMatch(/Second|Two/)
      const next = openTab(api)
      await vi.waitFor(async () => expect(await historyOf(api)).toHaveLength(2), wait)
      expect((await historyOf(api)).map(textOf)).toEqual(['Second', 'Two.'])
      await next.leave()
      expect(server.reported).toEqual([])
    })
  }

  for (const resumes of [false, true]) {
    const reader = resumes ? 'a resumed reader' : 'the post'
    it(`ends with an error for ${reader} if the session is deleted`, async () => {
      const gate = new Gate('the answer')
      const { agent } = openAgent([saysWhen(gate, 'One', ' one.'), says('Two.')])
      await using server = await openServer([agent])
      const { api } = server
      const posted = await fetch(api, {
        method: 'POST',
        body: JSON.stringify({ id: 'c', message: 'First' }),
      })
      await within(10_000, 'the first words', gate.reached())
      const response = resumes ? await fetch(`${api}/c/stream`) : posted
      expect((await fetch(`${api}/c`, { method: 'DELETE' })).status).toBe(204)
      await cast(api, 'Second')
      const stream = await within(10_000, 'the end of the stream', response.text())
      expect(stream).toMatch(/"type":"error","errorText":"[^"]*was deleted/)
      expect(stream).toMatch(/"type":"finish","finishReason":"error"\}\s+data: \[DONE\]\s+$/)
      expect(stream).not.toContain('Two')
    })
  }

  it('refuses an unknown value of `follow`', async () => {
    const { agent } = openAgent([])
    await using server = await openServer([agent])
    const statuses = ['message', 'queue', 'all'].map(async (follow) => {
      return (await fetch(`${server.api}/c/stream?follow=${follow}`)).status
    })
    expect(await Promise.all(statuses)).toEqual([204, 204, 400])
  })
})
