/** The actions of a page on queued and withdrawn messages: edit, regenerate and stop. */
import { describe, expect, it, vi } from 'vitest'

import { resumableFetch, stopChat } from '../../src/client.ts'
import { says } from '../scripted-model.ts'
import { Gate, saysWhen } from '../sessions/scripts.ts'
import { type ChatMessage, type ChatSdk, type LoadedChat, sdks } from './chat-client.ts'
import { openServer } from './live-server.ts'
import { wait } from './player.ts'
import { expectQuiet } from './quiet.ts'
import { openAgent } from './test-agent.ts'

const textOf = ({ parts }: { parts: readonly object[] }) =>
  parts.map((part) => ('text' in part ? String(part.text) : '')).join('')

const cast = async (api: string, text: string, more: object = {}) => {
  const message = { id: text, role: 'user', parts: [{ type: 'text', text }] }
  const body = JSON.stringify({ id: 'c', messages: [message], ...more })
  return (await fetch(api, { method: 'POST', headers: { prefer: 'respond-async' }, body })).status
}

const historyOf = async (api: string): Promise<ChatMessage[]> => {
  const messages: ChatMessage[] = JSON.parse(await (await fetch(`${api}/c/messages`)).text())
  return messages
}

const withdraw = async (api: string, id: string) =>
  (await fetch(`${api}/c/queue/${id}`, { method: 'DELETE' })).status

/** A running answer and two queued messages. */
async function openQueue(...answers: string[]) {
  const gate = new Gate('the first answer')
  const { agent, model } = openAgent([saysWhen(gate, 'One', ' one.'), ...answers.map(says)])
  const server = await openServer([agent])
  const { api } = server
  expect(await cast(api, 'First')).toBe(202)
  await gate.reached()
  expect([await cast(api, 'Second'), await cast(api, 'Third')]).toEqual([202, 202])
  return { gate, model, api, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() }
}

const endsHold = async (api: string, gate: Gate) => {
  await stopChat(api, 'c')
  gate.open()
  await vi.waitFor(async () => {
    const session: unknown = await (await fetch(`${api}/c`)).json()
    expect(session).toMatchObject({ state: 'idle', held: true })
  }, wait)
}

/** A page with the messages of the server. */
const openPage = async (sdk: ChatSdk, api: string, base?: typeof fetch): Promise<LoadedChat> =>
  sdk.open({
    api,
    id: 'c',
    messages: await historyOf(api),
    decided: () => {},
    fetch: base ?? ((input, init) => fetch(input, init)),
  })

const shown = (page: LoadedChat) => [page.status, ...page.messages.map(textOf)]

const stored = async (api: string, ...texts: string[]) =>
  vi.waitFor(async () => expect((await historyOf(api)).map(textOf)).toEqual(texts), wait)

expectQuiet()

for (const sdk of sdks.filter(({ strict }) => !strict)) {
  describe(`a page of ${sdk.name}`, () => {
    it('edits a queued message and shows its answer', async () => {
      await using queue = await openQueue('Two.', 'Three.')
      const { api, gate, model } = queue
      const page = await openPage(sdk, api)
      const sent = page.sendMessage({ text: 'Second, edited', messageId: 'Second' })
      const waiting = async () => (await historyOf(api)).map(textOf)
      await vi.waitFor(
        async () => expect(await waiting()).toEqual(['First', 'Second, edited', 'Third']),
        wait,
      )
      // Without `messageId` the post is not an edit.
      expect(await cast(api, 'Second')).toBe(409)
      gate.open()
      await sent
      expect(shown(page)).toEqual(['ready', 'First', 'Second, edited', 'Two.'])
      await stored(api, 'First', 'One one.', 'Second, edited', 'Two.', 'Third', 'Three.')
      expect(model.asked).toHaveLength(3)
    })

    it('edits a held message and continues the queue', async () => {
      await using queue = await openQueue('Two.', 'Three.')
      const { api, gate } = queue
      await endsHold(api, gate)
      const page = await openPage(sdk, api, resumableFetch())
      await page.sendMessage({ text: 'Third, edited', messageId: 'Third' })
      expect(shown(page).slice(-2)).toEqual(['Third, edited', 'Three.'])
      await stored(api, 'First', 'One', 'Second', 'Two.', 'Third, edited', 'Three.')
    })

    it('gets the answer of a queued message in its turn', async () => {
      await using queue = await openQueue('Two.', 'Three.')
      const { api, gate, model } = queue
      const statuses: number[] = []
      const page = await openPage(sdk, api, async (input, init) => {
        const response = await fetch(input, init)
        statuses.push(response.status)
        return response
      })
      const again = page.regenerate()
      await vi.waitFor(() => expect(statuses).toEqual([200]), wait)
      gate.open()
      await again
      expect(shown(page)).toEqual(['ready', 'First', 'Second', 'Third', 'Three.'])
      await stored(api, 'First', 'One one.', 'Second', 'Two.', 'Third', 'Three.')
      expect(model.asked).toHaveLength(3)
    })

    it('requests the answer of a held message', async () => {
      await using queue = await openQueue('Two.', 'Three.')
      const { api, gate } = queue
      await endsHold(api, gate)
      const page = await openPage(sdk, api)
      await page.regenerate({ messageId: 'Second' })
      expect(shown(page)).toEqual(['ready', 'First', 'One', 'Second', 'Two.'])
      await stored(api, 'First', 'One', 'Second', 'Two.', 'Third', 'Three.')
    })

    for (const [fact, act] of Object.entries({
      edits: (page: LoadedChat) => page.sendMessage({ text: 'Third', messageId: 'Third' }),
      regenerates: (page: LoadedChat) => page.regenerate(),
      sends: (page: LoadedChat) => page.sendMessage(),
    })) {
      it(`${fact} a withdrawn message as a new one`, async () => {
        await using queue = await openQueue('Two.', 'Three.')
        const { api, gate } = queue
        const page = await openPage(sdk, api)
        expect(await withdraw(api, 'Third')).toBe(200)
        // A repeated post of the same message stays withdrawn.
        expect(await cast(api, 'Third')).toBe(409)
        const sent = act(page)
        await vi.waitFor(async () => expect(await historyOf(api)).toHaveLength(3), wait)
        gate.open()
        await sent
        expect(shown(page)).toEqual(['ready', 'First', 'Second', 'Third', 'Three.'])
        await stored(api, 'First', 'One one.', 'Second', 'Two.', 'Third', 'Three.')
        expect(
          (await historyOf(api)).flatMap(({ role, ...more }) =>
            role === 'user' && 'metadata' in more ? [more.metadata] : [],
          ),
        ).toEqual([])
      })
    }

    it('stops only its own queued message', async () => {
      await using queue = await openQueue('Two.', 'Three.')
      const { api, gate, model } = queue
      const page = await openPage(sdk, api, resumableFetch())
      const sent = page.sendMessage({ text: 'Fourth' })
      await vi.waitFor(async () => expect(await historyOf(api)).toHaveLength(4), wait)
      const { id: messageId = '' } = page.messages.at(-1) ?? {}
      expect(await stopChat(api, 'c', { messageId })).toBe(true)
      await sent
      expect(page.error?.message).toContain('This message was withdrawn')
      gate.open()
      await stored(api, 'First', 'One one.', 'Second', 'Two.', 'Third', 'Three.')
      expect(model.asked).toHaveLength(3)
    })

    it('posts after held messages and shows only its answer', async () => {
      await using queue = await openQueue('Two.', 'Three.', 'Four.')
      const { api, gate } = queue
      await endsHold(api, gate)
      const page = await openPage(sdk, api, resumableFetch())
      await page.sendMessage({ text: 'Fourth' })
      expect(shown(page)).toEqual(['ready', 'First', 'One', 'Second', 'Third', 'Fourth', 'Four.'])
      const all = ['First', 'One', 'Second', 'Two.', 'Third', 'Three.', 'Fourth', 'Four.']
      await stored(api, ...all)
    })
  })
}
