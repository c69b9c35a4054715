/**
 * Every cut resumes. After a cut at any event, and with further faults, a chat with `resumableFetch`
 * has the same messages as a chat without a cut.
 */
import { describe, expect, it } from 'vitest'

import { sdks } from '../clients/chat-client.ts'
import { outlineOf, plainMessages } from '../clients/plain.ts'
import { expectQuiet } from '../clients/quiet.ts'
import { ChatPage, playAsking } from './chat-page.ts'
import { badly, cutEverywhere, plainly } from './cut-play.ts'
import { askingTurn, richAgent, richTurn } from './rich-agent.ts'
import { openServed } from './served.ts'
import { messagesOf } from './tab.ts'

expectQuiet()

describe('a turn with every kind of part', () => {
  it('is shown like the stored message', async () => {
    const { agent } = richAgent(richTurn)
    await using server = await openServed([agent])
    for (const sdk of sdks.filter(({ major, strict }) => major === 7 && !strict)) {
      const page = new ChatPage(sdk, { api: server.api, profile: 'v7' })
      await page.say('Go.')
      const stored = await messagesOf(server.url, page.chat.id)
      expect(page.shown).toEqual(plainMessages(stored))
      expect(outlineOf(stored.at(-1))).toEqual([
        'step-start',
        'reasoning The sky is blue.',
        'text Let me look — ',
        'tool-weather output-available',
        'tool-search output-available',
        'tool-slow output-available',
        'dynamic-tool lookup output-available',
        'tool-researcher output-available',
        'tool-broken output-error the pipe burst',
        expect.stringMatching(/^dynamic-tool teleport output-error There is no tool/),
        'step-start',
        'source-url',
        'source-document',
        'file',
        'text It is "mild" — 21 °C 🌤.',
      ])
    }
  })
})

for (const sdk of sdks) {
  describe(`${sdk.name} with resumableFetch sees no cut`, () => {
    for (const profile of [undefined, `v${sdk.major}`] as const) {
      it(`after any event of a rich turn, with ${profile ?? 'no'} profile`, async () => {
        const { agent, model } = richAgent(richTurn)
        await using server = await openServed([agent])
        const play = (page: ChatPage) => page.say('Go.')
        const cutPlay = { sdk, profile, api: server.api, play }
        const way = profile === undefined ? badly : plainly
        const plays = await cutEverywhere(cutPlay, [], [way])
        expect(plays).toBeGreaterThan(35)
        expect(model.asked, 'the model is asked no more than without cuts').toHaveLength(
          plays * richTurn.length,
        )
        expect(server.reported).toEqual([])
      })
    }

    const approves = sdk.major !== 5
    // The posts: the message, the output of a client-side tool, and a decision or another output.
    for (const [index, what] of ['question', 'answer', 'decision'].entries()) {
      it(`after any event that follows the client's ${what}`, async () => {
        const turn = askingTurn(approves)
        const { agent, model, removed } = richAgent(turn)
        await using server = await openServed([agent])
        const play = async (page: ChatPage) => {
          await page.say('Go.')
          await playAsking(page, approves)
        }
        const profile = sdk.strict ? undefined : (`v${sdk.major}` as const)
        const before = Array.from({ length: index }, () => 'whole' as const)
        const way = (after: number) => (after % 2 === 0 ? plainly(after) : badly(after))
        const cutPlay = { sdk, profile, api: server.api, play }
        const plays = await cutEverywhere(cutPlay, before, [way])
        expect(plays).toBeGreaterThan(5)
        expect(model.asked).toHaveLength(plays * turn.length)
        expect(removed).toEqual(Array.from({ length: approves ? plays : 0 }, () => '/a'))
        expect(server.reported).toEqual([])
      })
    }
  })
}
