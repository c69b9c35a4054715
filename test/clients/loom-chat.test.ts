/** `loomChat` in pages of all supported versions of `ai`, against a live server. */
import { describe, expect, it, onTestFinished, vi } from 'vitest'

import { type LoomChat, loomChat, type LoomChatOptions, LoomClientError } from '../../src/client.ts'
import { within } from '../deadline.ts'
import { calls, says } from '../scripted-model.ts'
import { Gate, saysWhen } from '../sessions/scripts.ts'
import { type ChatMessage, type ChatSdk, type LoadedChat, sdks } from './chat-client.ts'
import { textOf } from './hook-client.ts'
import { openServer } from './live-server.ts'
import { outlineOf, plainMessages } from './plain.ts'
import { wait } from './player.ts'
import { expectQuiet } from './quiet.ts'
import { openAgent } from './test-agent.ts'

expectQuiet()

const chatOf = (api: string, options: Partial<LoomChatOptions> = {}): LoomChat<ChatMessage> =>
  loomChat<ChatMessage>({ api, id: 'c', profile: 'v7', pauseMs: 1, ...options })

/** A tab that shows the conversation as a page does: it loads the messages and the running answer. */
async function openTab(sdk: ChatSdk, api: string, options: Partial<LoomChatOptions> = {}) {
  const loom = chatOf(api, { profile: `v${sdk.major}`, ...options })
  const messages = await loom.messages()
  const chat = sdk.open({ api, id: 'c', messages, loom, fetch, decided: () => {} })
  return { loom, chat }
}

function newestSdk(): ChatSdk {
  const sdk = sdks.find(({ major, strict }) => major === 7 && !strict)
  if (sdk === undefined) throw new Error('ai 7 is missing')
  return sdk
}

const sdk7 = newestSdk()

const rests = (chat: LoadedChat) => vi.waitFor(() => expect(chat.status).toBe('ready'), wait)

const refusalOf = async (work: Promise<unknown>): Promise<LoomClientError> => {
  const error = await within(10_000, 'a refusal', work).then(
    () => undefined,
    (error: unknown) => error,
  )
  if (!(error instanceof LoomClientError)) throw new Error(`no refusal: ${String(error)}`)
  return error
}

for (const sdk of sdks) {
  describe(`loomChat in a page of ${sdk.name}`, () => {
    it('answers, and a reload shows the same messages', async () => {
      const { agent } = openAgent([
        calls(['weather', { city: 'Oslo' }]),
        says('Mild.'),
        says('Yes.'),
      ])
      await using server = await openServer([agent])
      const { chat } = await openTab(sdk, server.api)
      expect(chat.messages).toEqual([])
      await chat.sendMessage({ text: 'Weather?' })
      await chat.sendMessage({ text: 'Sure?' })
      expect(chat.messages.map(textOf)).toEqual(['Weather?', 'Mild.', 'Sure?', 'Yes.'])
      const reloaded = await openTab(sdk, server.api)
      expect(plainMessages(reloaded.chat.messages)).toEqual(plainMessages(chat.messages))
    })

    it('answers the calls of its tools and the approval requests', async () => {
      const approves = sdk.major !== 5
      const { agent, model } = openAgent([
        calls(['ask', { question: 'Where?' }]),
        ...(approves ? [calls(['remove', { path: '/a' }])] : []),
        says('Done.'),
      ])
      await using server = await openServer([agent])
      const { chat } = await openTab(sdk, server.api)
      await chat.sendMessage({ text: 'Go.' })
      const callOf = (type: string) => {
        const part = chat.messages
          .at(-1)
          ?.parts.findLast((part) => 'type' in part && part.type === type)
        if (part === undefined || !('toolCallId' in part)) throw new Error(`no part ${type}`)
        return {
          toolCallId: String(part.toolCallId),
          approval: Object('approval' in part && part.approval),
        }
      }
      const { toolCallId } = callOf('tool-ask')
      await chat.addToolOutput({ tool: 'ask', toolCallId, output: 'here' })
      if (approves) {
        await vi.waitFor(() => expect(callOf('tool-remove').approval).toHaveProperty('id'), wait)
        await rests(chat)
        const { approval } = callOf('tool-remove')
        await chat.addToolApprovalResponse?.({ id: String(approval.id), approved: true })
      }
      await vi.waitFor(
        () => expect(outlineOf(chat.messages.at(-1)).at(-1)).toBe('text Done.'),
        wait,
      )
      await rests(chat)
      expect(chat.messages).toHaveLength(2)
      expect(model.asked).toHaveLength(approves ? 3 : 2)
    })

    it('shows the running answer after a reload and stops it on the server', async () => {
      const gate = new Gate('the answer')
      const { agent } = openAgent([saysWhen(gate, 'One', ' two.')])
      await using server = await openServer([agent])
      const first = await openTab(sdk, server.api)
      const sending = first.chat.sendMessage({ text: 'Count.' })
      await gate.reached()
      const second = await openTab(sdk, server.api)
      const resuming = second.chat.resumeStream()
      await vi.waitFor(
        () => expect(second.chat.messages.map(textOf)).toEqual(['Count.', 'One']),
        wait,
      )
      expect(await second.loom.stop()).toEqual({ stopped: true })
      await Promise.all([sending, resuming])
      gate.open()
      for (const { chat } of [first, second]) {
        expect([chat.status, chat.messages.map(textOf)]).toEqual(['ready', ['Count.', 'One']])
      }
      expect((await second.loom.messages()).map(textOf)).toEqual(['Count.', 'One'])
    })

    it('refuses an edit and a regeneration on a stale history', async () => {
      const { agent, model } = openAgent([says('One.'), says('Two.'), says('Three.')])
      await using server = await openServer([agent])
      const first = await openTab(sdk, server.api)
      await first.chat.sendMessage({ text: 'First' })
      const stale = await openTab(sdk, server.api)
      await first.chat.sendMessage({ text: 'Second' })
      const { id: messageId = '' } = stale.chat.messages[0] ?? {}
      await stale.chat.sendMessage({ text: 'Edited', messageId })
      expect(stale.chat.error).toMatchObject({
        status: 409,
        code: 'refused',
        name: 'LoomClientError',
      })
      await stale.chat.regenerate()
      expect(stale.chat.error?.message).toContain('newer messages than this page shows')
      expect(model.asked).toHaveLength(2)
      const fresh = await openTab(sdk, server.api)
      await fresh.chat.sendMessage({ text: 'Edited', messageId })
      expect(fresh.chat.messages.map(textOf)).toEqual(['Edited', 'Three.'])
      // The tab that made the newest answer may cut it.
      await fresh.chat.regenerate()
      expect(fresh.chat.error?.message).not.toContain('newer messages')
    })
  })
}

describe('loomChat', () => {
  it('loads a long history in parts', async () => {
    const { agent } = openAgent([says('One.'), says('Two.'), says('Three.')])
    await using server = await openServer([agent])
    const { chat } = await openTab(sdk7, server.api)
    for (const text of ['1', '2', '3']) await chat.sendMessage({ text })
    const loom = chatOf(server.api)
    const last = await loom.page({ limit: 2 })
    expect([last.messages.map(textOf), last.hasEarlier]).toEqual([['3', 'Three.'], true])
    const before = last.messages[0]?.id
    const earlier = await loom.page({ limit: 4, before })
    expect(earlier.hasEarlier).toBe(false)
    expect([...earlier.messages, ...last.messages]).toEqual(await loom.messages())
  })

  it('reports the end of a conversation that another tab deleted', async () => {
    const { agent } = openAgent([says('One.')])
    await using server = await openServer([agent])
    const gone: number[] = []
    const onGone = ({ status }: LoomClientError) => void gone.push(status)
    const { chat, loom } = await openTab(sdk7, server.api, { onGone })
    await chat.sendMessage({ text: 'First' })
    expect(await chatOf(server.api).remove()).toBe(true)
    expect(await chatOf(server.api).remove()).toBe(false)
    await chat.sendMessage({ text: 'Second' })
    expect(chat.error).toMatchObject({ status: 410, code: 'gone' })
    expect((await refusalOf(loom.messages())).code).toBe('gone')
    expect((await refusalOf(loom.queue())).code).toBe('not-found')
    expect(gone).toEqual([410, 410, 404])
    // Another page with this id begins a new conversation.
    expect(await chatOf(server.api).messages()).toEqual([])
  })

  it('asks for a new token after a 401, once for all requests, and reports a second one', async () => {
    const { agent } = openAgent([says('One.'), says('Two.')])
    await using server = await openServer([agent])
    const valid = new Set(['token 1'])
    let asked = 0
    const checked: typeof fetch = async (input, init) => {
      const token = new Headers(init?.headers).get('authorization')?.replace('Bearer ', '') ?? ''
      return valid.has(token) ? fetch(input, init) : new Response('No.', { status: 401 })
    }
    const key = () => Promise.resolve(`token ${++asked}`)
    const { chat, loom } = await openTab(sdk7, server.api, { key, fetch: checked })
    await chat.sendMessage({ text: 'First' })
    expect(asked).toBe(1)
    valid.clear()
    valid.add('token 2')
    const [queue, tasks] = await Promise.all([loom.queue(), loom.tasks(), loom.branches()])
    expect([queue, tasks, asked]).toEqual([{ messages: [], held: false }, [], 2])
    valid.clear()
    expect(await refusalOf(loom.info())).toMatchObject({ status: 401, code: 'unauthorized' })
    expect(asked).toBe(3)
    await chat.sendMessage({ text: 'Second' })
    expect(chat.error).toMatchObject({ status: 401, message: 'No.' })
  })

  it('shows and changes the queue, and steers a running answer', async () => {
    const gate = new Gate('the first answer')
    const { agent, model } = openAgent([saysWhen(gate, 'One', ' one.'), says('Steered.')])
    await using server = await openServer([agent])
    const { chat, loom } = await openTab(sdk7, server.api)
    const sending = chat.sendMessage({ text: 'First' })
    await gate.reached()
    const other = await openTab(sdk7, server.api)
    const waiting = other.chat.sendMessage({ text: 'Second' })
    const queued = await vi.waitFor(async () => {
      const { messages } = await loom.queue()
      expect(messages.map(textOf)).toEqual(['Second'])
      return messages
    }, wait)
    expect(await loom.withdraw(queued[0]?.id ?? '')).toBe(true)
    expect(await loom.withdraw(queued[0]?.id ?? '')).toBe(false)
    await waiting
    expect(other.chat.error?.message).toContain('withdrawn')
    expect(await loom.steer('Be brief.')).toMatchObject({ queued: true })
    gate.open()
    await sending
    await vi.waitFor(async () => expect(await loom.info()).toMatchObject({ state: 'idle' }), wait)
    expect(model.asked).toHaveLength(2)
    expect((await loom.messages()).map(textOf).join()).toContain('Be brief.')
  })

  it('lists branches and forks the conversation', async () => {
    const { agent } = openAgent([says('One.'), says('Two.')])
    await using server = await openServer([agent])
    const { chat, loom } = await openTab(sdk7, server.api)
    expect([await loom.branches(), await loom.info()]).toEqual([[], undefined])
    await chat.sendMessage({ text: 'First' })
    await chat.regenerate()
    const [branch] = await loom.branches()
    expect(branch?.messages.map(textOf)).toEqual(['One.'])
    const id = await loom.fork({ branch: branch?.number ?? 0 })
    expect((await chatOf(server.api, { id }).messages()).map(textOf)).toEqual(['First', 'One.'])
  })

  it('creates, lists and cancels schedules', async () => {
    const { agent } = openAgent([])
    await using server = await openServer([agent])
    const { schedules } = chatOf(server.api)
    expect(await schedules.list()).toEqual([])
    const at = new Date(Date.now() + 3_600_000)
    const created = await schedules.create({ message: 'Later.', at, id: 'late' })
    expect(created).toMatchObject({ id: 'late', dueAt: at.getTime() })
    const weekly = { message: { parts: [{ type: 'text', text: 'Plan.' }] }, cron: '0 9 * * 1' }
    await schedules.create(weekly)
    expect(await schedules.list()).toHaveLength(2)
    expect(await Promise.all([schedules.cancel('late'), schedules.cancel('none')])).toEqual([
      true,
      false,
    ])
    expect(await schedules.list()).toHaveLength(1)
  })

  it('lists the tasks of the conversation', async () => {
    const { agent } = openAgent([calls(['researcher', { prompt: 'Oslo?' }]), says('Mild.')])
    await using server = await openServer([agent])
    const { chat, loom } = await openTab(sdk7, server.api)
    await chat.sendMessage({ text: 'Weather?' })
    expect(await loom.tasks()).toMatchObject([{ agent: 'researcher', state: 'finished' }])
  })

  it('stops a message that was posted just before', async () => {
    const gate = new Gate('the answer')
    const { agent } = openAgent([saysWhen(gate, 'One', ' one.')])
    await using server = await openServer([agent])
    const { chat, loom } = await openTab(sdk7, server.api)
    const sending = chat.sendMessage({ text: 'First' })
    expect(await loom.stop()).toEqual({ stopped: true })
    await sending
    gate.open()
    expect(chat.status).toBe('ready')
  })

  it('sends its agent, context and headers, and the fields of a single message', async () => {
    const { agent } = openAgent([says('One.'), says('Two.')])
    await using server = await openServer([agent])
    const posted: unknown[] = []
    const noting: typeof fetch = async (input, init) => {
      if (init?.method === 'POST' && typeof init.body === 'string')
        posted.push(JSON.parse(init.body))
      expect(new Headers(init?.headers).get('x-team')).toBe('blue')
      return fetch(input, init)
    }
    const { chat } = await openTab(sdk7, server.api, {
      agent: 'tester',
      context: { theme: 'dark' },
      headers: { 'x-team': 'blue' },
      fetch: noting,
    })
    await chat.sendMessage({ text: 'First' })
    await chat.sendMessage({ text: 'Second' })
    const message = { role: 'user', parts: [{ type: 'text', text: 'Second' }] }
    expect(posted[1]).toEqual({
      id: 'c',
      agent: 'tester',
      context: { theme: 'dark' },
      trigger: 'submit-message',
      continues: true,
      message: expect.objectContaining(message),
    })
  })
})

describe('the watch of a conversation', () => {
  /** A page that reloads as documented when the watch reports a change. */
  async function openWatching(api: string, options: Partial<LoomChatOptions> = {}) {
    const { chat, loom } = await openTab(sdk7, api, options)
    const seen: string[] = []
    const watching = {
      onChange: () => void seen.push('change'),
      onQueue: ({ messages, held }: { messages: readonly unknown[]; held: boolean }) =>
        void seen.push(`queue ${messages.length}${held ? ' held' : ''}`),
      onError: ({ message }: Error) => void seen.push(`error ${message}`),
    }
    const connected = new Promise<void>((resolve) => {
      const onChunk = ({ type }: { type: string }) => {
        if (type === 'start') resolve()
      }
      onTestFinished(loom.watch({ ...watching, onChunk }))
    })
    return { chat, loom, seen, connected }
  }

  it('reports the answers of other tabs, and not those of the page itself', async () => {
    const { agent } = openAgent([says('One.'), says('Two.'), says('Three.')])
    await using server = await openServer([agent])
    const mine = await openWatching(server.api)
    await mine.chat.sendMessage({ text: 'Mine' })
    await within(10_000, 'the start of the own answer', mine.connected)
    expect(mine.seen).toEqual([])
    const other = await openTab(sdk7, server.api)
    await other.chat.sendMessage({ text: 'Theirs' })
    await vi.waitFor(() => expect(mine.seen).toEqual(['change']), wait)
    expect((await mine.loom.messages()).map(textOf)).toEqual(['Mine', 'One.', 'Theirs', 'Two.'])
    await mine.chat.sendMessage({ text: 'Mine again' })
    await vi.waitFor(() => expect(mine.chat.status).toBe('ready'), wait)
    expect(mine.seen).toEqual(['change'])
  })

  it('reports the queue, and the answer of another tab that waited for the own one', async () => {
    const gate = new Gate('the first answer')
    const { agent } = openAgent([saysWhen(gate, 'One', ' one.'), says('Two.')])
    await using server = await openServer([agent])
    const mine = await openWatching(server.api)
    const sending = mine.chat.sendMessage({ text: 'Mine' })
    await gate.reached()
    await within(10_000, 'the start of the own answer', mine.connected)
    const other = await openTab(sdk7, server.api)
    const waiting = other.chat.sendMessage({ text: 'Theirs' })
    await vi.waitFor(async () => expect((await mine.loom.queue()).messages).toHaveLength(1), wait)
    expect(mine.seen).toEqual([])
    await mine.loom.stop()
    gate.open()
    await sending
    await vi.waitFor(() => expect(mine.seen).toEqual(['queue 1 held']), wait)
    await mine.loom.runQueue()
    await waiting
    await vi.waitFor(() => expect(mine.seen).toContain('change'), wait)
  })

  it('reports a deleted conversation as gone, and an error of the server', async () => {
    const { agent } = openAgent([says('One.')])
    await using server = await openServer([agent])
    const gone: string[] = []
    const onGone = ({ code }: LoomClientError) => void gone.push(code)
    const mine = await openWatching(server.api, { onGone })
    await mine.chat.sendMessage({ text: 'Mine' })
    await within(10_000, 'the start of the own answer', mine.connected)
    await mine.loom.remove()
    await vi.waitFor(() => expect(gone).toEqual(['gone']), wait)
    const refused = await openTab(sdk7, server.api)
    const errors: unknown[] = []
    const closed = chatOf(server.api, { fetch: async () => new Response('No.', { status: 401 }) })
    onTestFinished(closed.watch({ onError: (error) => void errors.push(error) }))
    await vi.waitFor(() => expect(errors).toMatchObject([{ status: 401 }]), wait)
    expect(refused.chat.messages).toEqual([])
  })

  it('finds an answer that began before the watch was connected', async () => {
    const { agent } = openAgent([says('One.')])
    await using server = await openServer([agent])
    const { loom } = await openTab(sdk7, server.api)
    const other = await openTab(sdk7, server.api)
    await other.chat.sendMessage({ text: 'Theirs' })
    await new Promise<void>((resolve) => onTestFinished(loom.watch({ onChange: resolve })))
    expect((await loom.messages()).map(textOf)).toEqual(['Theirs', 'One.'])
  })

  it('reports a change after a lost connection without a place in the stream', async () => {
    const { agent } = openAgent([says('One.')])
    await using server = await openServer([agent])
    const cuts: AbortController[] = []
    const breaking: typeof fetch = async (input, init) => {
      const cut = new AbortController()
      if (new Request(input).url.includes('follow=session')) cuts.push(cut)
      const { signal } = init ?? {}
      return fetch(input, {
        ...init,
        signal: signal ? AbortSignal.any([cut.signal, signal]) : cut.signal,
      })
    }
    const mine = await openWatching(server.api, { fetch: breaking })
    await vi.waitFor(() => expect(cuts).toHaveLength(1), wait)
    // The message is answered while the connection is lost, so it is not in the next stream.
    const other = await openTab(sdk7, server.api)
    cuts[0]?.abort(new TypeError('network error'))
    await other.chat.sendMessage({ text: 'Theirs' })
    await vi.waitFor(() => expect(mine.seen).toContain('change'), wait)
  })
})
