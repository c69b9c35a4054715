import type { Hono } from 'hono'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'

import { type AgentDefinition, defineAgent } from '../src/agent.ts'
import { readConfig } from '../src/config.ts'
import { defineTool } from '../src/define-tool.ts'
import { calculator } from '../tools/calculator.ts'
import { type Chat, fetchOf, type Fetch, openTab, said, shown, until } from './playground-page.ts'
import { calls, finish, hangs, type Script, says, scriptedModel, words } from './scripted-model.ts'
import { servedApp } from './served-app.ts'

type Tools = NonNullable<AgentDefinition['tools']>

const appOf = (scripts: Script[], tools: Tools = []): Promise<Hono> =>
  servedApp({
    agents: [
      defineAgent({ name: 'speaker', systemPrompt: 'x', model: scriptedModel(...scripts), tools }),
    ],
  })

const idle = (chat: Chat) => until('the end of the answer', () => !chat.busy && last(chat) !== '')

const last = (chat: Chat) => shown(chat).at(-1) ?? ''

/** A reply whose second half waits for `release`. */
function pausedReply(first: string, second: string) {
  const { promise, resolve } = Promise.withResolvers<void>()
  const script: Script = async function* () {
    yield* words(first)
    await promise
    yield { type: 'text-delta', id: 'txt-0', delta: second }
    yield { type: 'text-end', id: 'txt-0' }
    yield finish()
  }
  return { script, release: resolve }
}

const isAnswered = (text: string) => (chat: Chat) => last(chat) === `assistant: ${text}`

async function openChatWith(fetch: Fetch, text: string): Promise<Chat> {
  const chat = openTab(fetch)
  await chat.send(said(text))
  return chat
}

/**
 * A `fetch` whose first stream breaks off after this number of bytes, and the addresses of all
 * streams.
 */
function breaking(fetch: Fetch, bytes: number) {
  const streams: string[] = []
  const broken: Fetch = async (path, init) => {
    const response = await fetch(path, init)
    if (!path.includes('/stream') || response.body === null) return response
    streams.push(path)
    return streams.length > 1 ? response : new Response(cut(response.body, bytes))
  }
  return { fetch: broken, streams }
}

/** The bytes before the cut are read before the cut is noticed. */
function cut(body: ReadableStream<Uint8Array>, bytes: number): ReadableStream<Uint8Array> {
  const reader = body.getReader()
  let left = bytes
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        if (left <= 0) return controller.error(new TypeError('network error'))
        const { value = new Uint8Array() } = await reader.read()
        controller.enqueue(value.slice(0, left))
        left -= value.length
      },
    },
    { highWaterMark: 0 },
  )
}

describe("the playground's conversation", () => {
  it('shows the messages of the server', async () => {
    const fetch = fetchOf(await appOf([says('Hello there.'), says('Well.')]))
    const chat = await openChatWith(fetch, 'Hi')
    await until('an answer', () => isAnswered('Hello there.')(chat))
    await chat.send(said('How are you?'))
    await until('a second one', () => isAnswered('Well.')(chat))
    expect(shown(chat)).toEqual([
      'user: Hi',
      'assistant: Hello there.',
      'user: How are you?',
      'assistant: Well.',
    ])
    const stored: unknown = await (await fetch(`/api/chat/${chat.id}/messages?profile=v7`)).json()
    expect(chat.entries.map(({ message }) => message)).toEqual(stored)
  })

  it('follows an answer after a reload', async () => {
    const { script, release } = pausedReply('First, ', 'then.')
    const fetch = fetchOf(await appOf([script]))
    const chat = await openChatWith(fetch, 'Hi')
    await until('the first half', () => last(chat) === 'assistant (live): First, ')
    chat.close()
    const tabs = [openTab(fetch, chat.id), openTab(fetch, chat.id)]
    for (const tab of tabs) void tab.watch()
    for (const tab of tabs)
      await until('the first half again', () => last(tab) === 'assistant (live): First, ')
    release()
    for (const tab of tabs) await until('the end', () => isAnswered('First, then.')(tab))
  })

  it('shows a turn of another client', async () => {
    const fetch = fetchOf(await appOf([says('One.'), says('Two.')]))
    const chat = await openChatWith(fetch, 'Hi')
    await idle(chat)
    const other = openTab(fetch, chat.id)
    await other.watch()
    await chat.send(said('And?'))
    await until('the answer', () => isAnswered('Two.')(chat))
    await other.look()
    await until('the answer there', () => isAnswered('Two.')(other))
    expect(shown(other)).toEqual(shown(chat))
  })

  it.each([0, 1, 100, 250, 300])(
    'continues after a connection breaks at %i bytes',
    async (bytes) => {
      const { script, release } = pausedReply('a b c d ', 'e f')
      const { fetch, streams } = breaking(fetchOf(await appOf([script])), bytes)
      const chat = await openChatWith(fetch, 'Hi')
      await until('another connection', () => streams.length > 1)
      release()
      await until('the answer', () => isAnswered('a b c d e f')(chat))
      expect(streams[1]?.includes('after=')).toBe(bytes > 200)
      expect(chat.link).toBe('ok')
    },
  )

  it('reads from the start if its cursor is gone', async () => {
    const { script, release } = pausedReply('a b ', 'c')
    const { fetch, streams } = breaking(fetchOf(await appOf([script])), 250)
    let isLost = true
    const forgetful: Fetch = (path, init) => {
      if (!isLost || !path.includes('after=')) return fetch(path, init)
      isLost = false
      return Promise.resolve(new Response('', { status: 410 }))
    }
    const chat = await openChatWith(forgetful, 'Hi')
    await until('another connection', () => streams.length > 1)
    release()
    await until('the answer', () => isAnswered('a b c')(chat))
    expect(isLost).toBe(false)
  })

  it('shows a queued message and withdraws it', async () => {
    const { script, release } = pausedReply('Wait', 'ed.')
    const chat = await openChatWith(fetchOf(await appOf([script, says('Two.')])), 'One')
    await until('the first half', () => last(chat) === 'assistant (live): Wait')
    await chat.send(said('Two'))
    await chat.send(said('Three'))
    const queued = ['user (queued): Two', 'user (queued): Three']
    await until('both in line', () => shown(chat).slice(2).join() === queued.join())
    const three = chat.entries.at(-1)
    if (three !== undefined) void chat.withdraw(three)
    await until('one in line', () => last(chat) === 'user (queued): Two')
    release()
    await until('the answer', () => isAnswered('Two.')(chat))
    expect(shown(chat)).toEqual(['user: One', 'assistant: Waited.', 'user: Two', 'assistant: Two.'])
  })

  it('interrupts an answer and keeps its text', async () => {
    const chat = await openChatWith(
      fetchOf(await appOf([hangs(words('Well, ')), says('Now.')])),
      'Hi',
    )
    await until('the first words', () => last(chat) === 'assistant (live): Well, ')
    await chat.send(said('Stop it'), 'interrupt')
    await until('the answer', () => isAnswered('Now.')(chat))
    expect(shown(chat).slice(1, 3)).toEqual(['assistant: Well, ', 'user: Stop it'])
  })

  it('stops the answer on the server', async () => {
    const fetch = fetchOf(await appOf([hangs(words('Well, '))]))
    const chat = await openChatWith(fetch, 'Hi')
    await until('the first words', () => last(chat) === 'assistant (live): Well, ')
    await chat.stop()
    await until('the end', () => isAnswered('Well, ')(chat))
    expect(chat.entries.at(-1)).toMatchObject({ end: 'abort' })
    expect(await (await fetch(`/api/chat/${chat.id}`)).json()).toMatchObject({ state: 'idle' })
  })

  it('answers two calls of one step in order', async () => {
    const inputSchema = z.object({})
    const ask = defineTool({ name: 'ask', description: 'Asks.', inputSchema })
    const pay = defineTool({
      name: 'pay',
      description: 'Pays.',
      inputSchema,
      needsApproval: true,
      execute: () => 'paid',
    })
    const app = await appOf(
      [calls(['ask', {}, 'a'], ['pay', {}, 'b']), says('Thanks.')],
      [ask, pay],
    )
    const chat = await openChatWith(fetchOf(app), 'Hi')
    await until('the questions', () => last(chat) === 'assistant (waiting): ')
    const entry = chat.entries.at(-1)
    const [first, second] = entry?.message.parts.filter((part) => 'toolCallId' in part) ?? []
    if (entry === undefined || first === undefined || second === undefined) throw new Error('none')
    void chat.answer(entry, first, 'blue')
    void chat.decide(entry, second, { approved: true, reason: '' })
    await until('the answer', () => isAnswered('Thanks.')(chat))
    expect(chat.problem).toBe('')
    expect(entry.message.parts).toMatchObject([
      { type: 'step-start' },
      { state: 'output-available', output: 'blue' },
      { state: 'output-available', output: 'paid' },
      { type: 'step-start' },
      { type: 'text' },
    ])
  })

  it('edits a message and regenerates an answer', async () => {
    const scripts = [says('One.'), says('Two.'), says('Three.'), says('Four.')]
    const chat = await openChatWith(fetchOf(await appOf(scripts)), 'First')
    await until('an answer', () => isAnswered('One.')(chat))
    await chat.send(said('Second'))
    await until('a second', () => isAnswered('Two.')(chat))
    const [first] = chat.entries
    if (first !== undefined) await chat.edit(first, said('Better'))
    await until('a third', () => isAnswered('Three.')(chat))
    const answer = chat.entries.at(-1)
    if (answer !== undefined) await chat.redo(answer)
    await until('a fourth', () => isAnswered('Four.')(chat))
    expect(shown(chat)).toEqual(['user: Better', 'assistant: Four.'])
  })

  it('shows a failed turn after a reload and retries it', async () => {
    const fetch = fetchOf(await appOf([new Error('no'), new Error('no'), says('Now.')]))
    const chat = await openChatWith(fetch, 'Hi')
    await until('the failure', () => chat.entries.at(-1)?.end === 'error' && !chat.busy)
    const other = openTab(fetch, chat.id)
    await other.watch()
    for (const name of ['once', 'twice']) {
      const entry = other.entries.at(-1)
      expect(entry, name).toMatchObject({ end: 'error', message: { role: 'assistant' } })
      if (entry !== undefined) await other.retry(entry)
      await until(`${name} more`, () => !other.busy && other.entries.at(-1) !== entry)
    }
    await until('the answer', () => isAnswered('Now.')(other))
  })

  it('reports a conversation that the server lost', async () => {
    const fetch = fetchOf(await appOf([says('One.')]))
    const chat = await openChatWith(fetch, 'Hi')
    await until('an answer', () => isAnswered('One.')(chat))
    await fetch(`/api/chat/${chat.id}`, { method: 'DELETE' })
    await chat.look()
    await until('the news', () => chat.link === 'gone')
    expect(shown(chat)).toEqual(['user: Hi', 'assistant: One.'])
  })

  it('never reuses the id of a lost conversation', async () => {
    const before = fetchOf(await appOf([says('One.')]))
    const after = fetchOf(await appOf([says('Who are you?')]))
    let isRestarted = false
    const posted: string[] = []
    const chat = await openChatWith((path, init) => {
      if (isRestarted && init?.method === 'POST') posted.push(path)
      return isRestarted ? after(path, init) : before(path, init)
    }, 'Hi')
    await until('an answer', () => isAnswered('One.')(chat))
    isRestarted = true
    expect(await chat.send(said('And now?'))).toBe('gone')
    expect(posted).toEqual([])
    expect(chat.link).toBe('gone')
    expect(shown(chat)).toEqual(['user: Hi', 'assistant: One.'])
    const notes = chat.forgotten().flatMap(({ note }) => (note === undefined ? [] : [note]))
    expect(notes).toEqual([expect.stringContaining('no longer has')])
    expect(chat.forgotten()).toHaveLength(3)
  })

  it('treats status 410 as a lost conversation', async () => {
    const there = fetchOf(await appOf([says('One.')]))
    let isForgotten = false
    const chat = await openChatWith(
      async (path, init) =>
        isForgotten && init?.method === 'POST'
          ? new Response('{"error":{"code":"gone","message":"x"}}', { status: 410 })
          : there(path, init),
      'Hi',
    )
    await until('an answer', () => isAnswered('One.')(chat))
    isForgotten = true
    expect(await chat.send(said('And now?'))).toBe('gone')
    expect(shown(chat)).toEqual(['user: Hi', 'assistant: One.'])
  })

  it('keeps an unsent message and sends it once later', async () => {
    const there = fetchOf(await appOf([says('One.')]))
    let isAway = true
    const chat = await openChatWith(
      (...all) => (isAway ? Promise.reject(new TypeError('fetch failed')) : there(...all)),
      'Hi',
    )
    expect(shown(chat)).toEqual(['user (failed): Hi'])
    isAway = false
    const [entry] = chat.entries
    if (entry !== undefined) await chat.resend(entry)
    await until('an answer', () => isAnswered('One.')(chat))
  })

  it('runs the tools of the demo model', async () => {
    const app = await servedApp({
      agents: [defineAgent({ name: 'demo', systemPrompt: 'x', tools: [calculator] })],
      config: readConfig({ LOOM_AGENT: 'demo', LOOM_MODEL: 'demo/fast' }),
    })
    const chat = await openChatWith(fetchOf(app), 'What is 6 * 7?')
    await until('the answer', () => last(chat).includes('42') && !chat.busy)
  })
})
