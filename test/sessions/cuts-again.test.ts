/**
 * A client repeats a request without a response, because it does not know whether the first one
 * arrived. The server counts both as one: one turn, one model call for each step, and one stream.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { resumableFetch } from '../../src/client.ts'
import { sdks } from '../clients/chat-client.ts'
import { outlineOf } from '../clients/plain.ts'
import { expectQuiet } from '../clients/quiet.ts'
import { until } from '../redis/until.ts'
import { says } from '../scripted-model.ts'
import { ChatPage, playAsking } from './chat-page.ts'
import { played } from './cut-play.ts'
import { cuttingFetch, type Fate } from './cutting.ts'
import { openHolds } from './holds.ts'
import { askingTurn, type RichAgent, richAgent } from './rich-agent.ts'
import { openServed, type Served } from './served.ts'
import { messagesOf } from './tab.ts'

const losses: readonly Fate[][] = [
  ['lost'],
  ['lost for long'],
  [{ after: 0 }, { after: 0, half: true }, { after: 0 }],
  ['refused', 'unavailable', 'lost', 'lost for long', { after: 3 }, 'lost'],
]

const spoken = 'Done — at last.'

const [newest] = sdks.filter(({ name }) => name === 'ai 7')
if (newest === undefined) throw new Error('there is no ai 7')

interface Scene {
  fact: string
  /** The number of requests that succeed first. */
  requests: number
  play: (page: ChatPage, answerAll: (page: ChatPage) => Promise<void>) => Promise<void>
}

/** Each begins with a whole answer, so that the client can regenerate it. */
const secondThoughts: readonly Omit<Scene, 'requests'>[] = [
  {
    fact: 'a regeneration of the last answer',
    async play(page, answerAll) {
      await page.chat.regenerate()
      await answerAll(page)
    },
  },
  {
    fact: 'a regeneration of a named answer',
    async play(page, answerAll) {
      await page.chat.regenerate({ messageId: page.chat.messages.at(-1)?.id ?? '' })
      await answerAll(page)
    },
  },
  {
    fact: 'an edit',
    async play(page, answerAll) {
      await page.say({ text: 'Go on.', messageId: page.chat.messages.at(-2)?.id ?? '' })
      await answerAll(page)
    },
  },
]

expectQuiet()

for (const sdk of sdks) {
  const approves = sdk.major !== 5
  const turns = [
    {
      kind: 'whose answer asks back',
      turn: askingTurn(approves),
      requests: 3,
      answerAll: (page: ChatPage) => playAsking(page, approves),
      first: ['a message', 'an answer', 'a decision'],
    },
    {
      kind: 'whose answer is over at once',
      turn: [says(spoken)],
      requests: 1,
      answerAll: (page: ChatPage) => page.sees({ text: spoken }),
      first: ['a message'],
    },
  ]
  for (const { kind, turn, requests, answerAll, first } of turns) {
    describe(`${sdk.name} with resumableFetch repeats a post, ${kind},`, () => {
      let server: Served
      let rich: RichAgent
      beforeAll(async () => {
        rich = richAgent(turn)
        server = await openServed([rich.agent])
      })
      afterAll(() => server[Symbol.asyncDispose]())

      const begin = async (page: ChatPage) => {
        await page.say('Go.')
        await answerAll(page)
      }
      const scenes: Scene[] = [
        ...first.map((fact, index) => ({ fact, requests: index, play: async () => {} })),
        ...secondThoughts.map((scene) => ({ ...scene, requests })),
      ]
      for (const { fact, requests: before, play } of scenes) {
        it(fact, async () => {
          const cutPlay = {
            sdk,
            api: server.api,
            play: async (page: ChatPage) => {
              await begin(page)
              await play(page, answerAll)
            },
          }
          const { shown: uncut } = await played(cutPlay, [])
          const calls = rich.model.asked.length
          for (const [index, fates] of losses.entries()) {
            const through = Array.from({ length: before }, () => 'whole' as const)
            const { shown, cut } = await played(cutPlay, [...through, ...fates])
            expect(shown, cut.requests.join(', ')).toEqual(uncut)
            const counted = rich.model.asked.length - calls
            expect(counted % (index + 1), cut.requests.join(', ')).toBe(0)
            expect(counted / (index + 1)).toBe(
              turn.length * (secondThoughts.some((scene) => scene.fact === fact) ? 2 : 1),
            )
          }
          expect(server.reported).toEqual([])
        })
      }
    })
  }
}

describe('a chat with resumableFetch', () => {
  it("a queued message's answer arrives after any lost connection", async () => {
    const holds = openHolds()
    const { agent, model } = richAgent([says(spoken)], holds.before)
    await using server = await openServed([agent])
    for (const [index, fates] of losses.entries()) {
      const asked = `First, ${index}.`
      const hold = holds.at({ asked, reply: 0, part: 2 })
      const first = new ChatPage(newest, { api: server.api })
      const saying = first.say(asked)
      await hold.reached()
      const cut = cuttingFetch(fates.filter((fate) => fate !== 'lost for long'))
      const second = await first.loadAgain({
        fetch: resumableFetch({ fetch: cut.fetch, pauseMs: 1, silenceMs: 8000 }),
      })
      const waiting = second.say('Second.')
      await until(5000, 'it waits', async () => {
        return (await server.loom.sessions.queue(first.chat.id)).length === 1
      })
      hold.open()
      await Promise.all([saying, waiting])
      await second.sees({ text: spoken })
      const history = await messagesOf(server.url, first.chat.id)
      expect(history.map(({ role }) => role)).toEqual(['user', 'assistant', 'user', 'assistant'])
      expect(second.chat.messages.at(-1)?.id, cut.requests.join(', ')).toBe(history[3]?.id)
      expect(outlineOf(second.chat.messages.at(-1))).toEqual(['step-start', `text ${spoken}`])
      expect(model.asked).toHaveLength(2 * (index + 1))
    }
  })

  it('a chat with any id resumes', async () => {
    const { agent } = richAgent([says(spoken)])
    await using server = await openServed([agent])
    for (const sdk of sdks) {
      for (const id of ['対話 🌤', 'a/b?c#d', '%2e%2e', 'ü"\\', '{}']) {
        const cut = cuttingFetch([{ after: 3 }, { after: 1 }])
        const fetch = resumableFetch({ fetch: cut.fetch, pauseMs: 1, silenceMs: 8000 })
        const page = new ChatPage(sdk, { api: server.api, fetch, id: `${id} of ${sdk.name}` })
        await page.say('Go.')
        await page.sees({ text: spoken })
        expect(cut.cuts.size).toBe(2)
      }
    }
  })
})
