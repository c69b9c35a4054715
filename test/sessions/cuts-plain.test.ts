/**
 * The behaviour of ai 7 alone: after a cut it requests the stream again, which sends the answer from
 * its start, and begins the message again. That needs a running turn. After the end of the turn there
 * is no stream, and the history has the answer.
 */
import { describe, expect, it } from 'vitest'

import { sdks } from '../clients/chat-client.ts'
import { expectQuiet } from '../clients/quiet.ts'
import { until } from '../redis/until.ts'
import { ChatPage, playAsking, playSecondQuestion } from './chat-page.ts'
import { cuttingFetch } from './cutting.ts'
import { openHolds } from './holds.ts'
import { askingTurn, richAgent, richTurn } from './rich-agent.ts'
import { openServed } from './served.ts'
import type { Replies } from './turn-model.ts'

interface Scene {
  fact: string
  turn: Replies
  /** The number of requests that succeed before the cut. */
  requests: number
  /** The reply at whose end the model waits, and its last part by then. */
  reply: number
  said: (page: ChatPage) => unknown
  play: (page: ChatPage) => Promise<void>
  /** The rest of the play after that reply. */
  rest: (page: ChatPage) => Promise<void>
}

const asking = { turn: askingTurn(true), play: (page: ChatPage) => playAsking(page, true) }

const scenes: readonly Scene[] = [
  {
    fact: 'in a turn that holds everything',
    turn: richTurn,
    requests: 0,
    reply: 1,
    said: ({ parts }) => parts.length === 15 && parts[14]?.['state'] === 'done',
    play: async () => {},
    rest: (page) => page.sees({ text: '🌤.\n' }),
  },
  {
    ...asking,
    fact: 'before the client is asked',
    requests: 0,
    reply: 0,
    said: (page) => page.callPart('call-w')?.['state'] === 'input-available',
    rest: (page) => playAsking(page, true),
  },
  {
    ...asking,
    fact: 'after it has answered',
    requests: 1,
    reply: 1,
    said: (page) => page.callPart('call-y')?.['state'] === 'input-available',
    rest: (page) => playSecondQuestion(page, true),
  },
  {
    ...asking,
    fact: 'after it has decided',
    requests: 2,
    reply: 2,
    // A call without arguments is whole only at the end of its reply.
    said: (page) => page.callPart('call-s')?.['state'] === 'input-streaming',
    rest: (page) => page.sees({ text: 'Done — at last.' }),
  },
]

const [sdk] = sdks.filter(({ major, strict }) => major === 7 && !strict)
if (sdk === undefined) throw new Error('there is no ai 7')

expectQuiet()

describe('ai 7 without resumableFetch resumes the whole answer after any cut', () => {
  for (const { fact, turn, requests, reply, said, play, rest } of scenes) {
    it(fact, async () => {
      const holds = openHolds()
      const { agent, model } = richAgent(turn, holds.before)
      await using server = await openServed([agent])
      const uncut = new ChatPage(sdk, { api: server.api, profile: 'v7' })
      await uncut.say('Go.')
      await play(uncut)
      const before = Array.from({ length: requests }, () => 'whole' as const)
      let after = 0
      for (let isCut = true; isCut; after++) {
        const asked = `Go, ${after}.`
        const hold = holds.at({ asked, reply, part: (turn[reply]?.length ?? 0) - 1 })
        const cut = cuttingFetch([...before, { after }])
        const resume = hold.opening(cut.fetch)
        const fetch: typeof globalThis.fetch = (input, init) =>
          init?.method === 'POST' ? cut.fetch(input, init) : resume(input, init)
        const page = new ChatPage(sdk, { api: server.api, profile: 'v7', fetch })
        const playing = page.say(asked).then(() => play(page))
        const failed = playing.then(
          () => false,
          () => true,
        )
        await until(8000, `the cut behind event ${after}`, () => {
          return page.chat.status === 'error' || said(page) === true
        })
        isCut = cut.cuts.has(requests)
        // A cut after the place where the model waits leaves no time to resume.
        if (!isCut) hold.open()
        expect(await failed).toBe(true)
        await hold.reached()
        // A page that loads the history before the end of the turn and requests the stream after it has
        // a part of the answer, because the history lacks a turn that ends later.
        if (!isCut) await (await globalThis.fetch(`${server.api}/${page.chat.id}/stream`)).text()
        const resuming = isCut ? page : await page.reload()
        await resuming.chat.resumeStream()
        await rest(resuming)
        expect(resuming.answer, asked).toEqual(uncut.answer)
      }
      expect(after).toBeGreaterThan(4)
      expect(model.asked).toHaveLength((after + 1) * turn.length)
      expect(server.reported).toEqual([])
    })
  }
})

describe('ai 7 without resumableFetch, after the end of the turn,', () => {
  it('gets no stream, and reads the answer from the history', async () => {
    const { agent } = richAgent(richTurn)
    await using server = await openServed([agent])
    for (const after of [0, 5, 20]) {
      const { fetch } = cuttingFetch([{ after }])
      const page = new ChatPage(sdk, { api: server.api, profile: 'v7', fetch })
      await page.chat.sendMessage({ text: 'Go.' })
      expect(page.chat.status).toBe('error')
      // A follower gets the end of the turn.
      await (await globalThis.fetch(`${server.api}/${page.chat.id}/stream`)).text()
      await page.chat.resumeStream()
      expect(page.chat.status).toBe('ready')
      const { parts } = await page.loadAgain()
      expect(parts).toHaveLength(15)
    }
  })
})
