/** The `useChat` hooks of three majors hold the conversation in a page, against a live server. */
import { describe, expect, it, vi } from 'vitest'

import { says, words } from '../scripted-model.ts'
import { hookSdks, textOf } from './hook-client.ts'
import { openServer } from './live-server.ts'
import { play, playReference } from './play.ts'
import { openPlayer, wait } from './player.ts'
import { expectQuiet } from './quiet.ts'
import { readByAll } from './readable.ts'
import { openAgent } from './test-agent.ts'

expectQuiet()

for (const sdk of hookSdks) {
  describe(`useChat of ${sdk.name}`, () => {
    for (const profile of [undefined, `v${sdk.major}`] as const) {
      it(`holds the whole conversation with ${profile ?? 'no'} profile`, async () => {
        const expected = await playReference()
        const { seen, prompts, exchanges, ...played } = await play(sdk, profile)
        using chat = played.chat
        for (const turn of Object.keys(seen)) expect(seen[turn], turn).toEqual(expected.seen[turn])
        expect(prompts).toEqual(expected.prompts.slice(0, prompts.length))
        expect(chat.shown).toEqual(chat.messages.map(textOf))
        for (const exchange of exchanges) {
          if (await exchange.whole) await readByAll(exchange, profile)
        }
      })
    }

    it('shows every word when it arrives', async () => {
      const shows = (text: string) =>
        vi.waitFor(() => expect(opened.chat.shown.at(-1)).toBe(text), wait)
      const { agent } = openAgent([
        async function* () {
          for (const part of words('One two three')) {
            yield part
            if (part.type !== 'text-delta') continue
            said += part.delta
            await shows(said)
          }
          yield* says('').slice(-2)
        },
      ])
      let said = ''
      await using server = await openServer([agent])
      const opened = openPlayer(sdk, server.api)
      using chat = opened.chat
      await opened.player.say('a turn', { text: 'Count.' })
      expect(chat.shown).toEqual(['Count.', 'One two three'])
    })
  })
}
