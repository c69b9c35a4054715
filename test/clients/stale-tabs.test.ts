/**
 * Two tabs of one chat. A question waits in both. One tab continues without an answer, and the
 * other tab answers then. The server refuses the late answer, and the client sends it only once.
 */
import { describe, expect, it, vi } from 'vitest'

import { fieldOf } from '../../src/ground/fields.ts'
import { calls, says } from '../scripted-model.ts'
import { type ChatSdk, type LoadedChat, sdks } from './chat-client.ts'
import { openRecorder, openServer } from './live-server.ts'
import { outlineOf } from './plain.ts'
import { Player, wait } from './player.ts'
import { expectQuiet } from './quiet.ts'
import { openAgent } from './test-agent.ts'

const asks = calls(['ask', { question: 'Where?' }])
const removes = calls(['remove', { path: '/a' }])

/** The actions with which the other tab makes the question obsolete. */
const ways: Record<string, (player: Player, chat: LoadedChat, api: string) => Promise<unknown>> = {
  'another message was posted': (player) => player.say('something else', { text: 'Else.' }),
  'the message was regenerated': (player) => player.regenerate('another answer'),
  'the question was edited': (player) => player.edit('an edit', 'Go there.'),
  'the session was deleted': (_, chat, api) => fetch(`${api}/${chat.id}`, { method: 'DELETE' }),
}

/** Two tabs with the same waiting message. */
async function openTabs(sdk: ChatSdk, api: string) {
  const tab = (more: { id?: string; messages?: LoadedChat['messages'] } = {}) => {
    const recorder = openRecorder()
    const { fetch, decided } = recorder
    const chat = sdk.open({ api, fetch, decided, ...more })
    return { chat, player: new Player(chat, recorder, api) }
  }
  const stale = tab()
  await stale.player.say('a question', { text: 'Go.' })
  const { id, messages } = stale.chat
  return { stale, other: tab({ id, messages }) }
}

/** The error about the message, or about the session if the message no longer exists. */
const late = /does not wait|does not have this conversation/

expectQuiet()

for (const sdk of sdks) {
  describe(`${sdk.name} posts a late answer once if`, () => {
    for (const [fact, leave] of Object.entries(ways)) {
      it(fact, async () => {
        const { agent, model } = openAgent([asks, says('Another.'), says('Here I am.')])
        await using server = await openServer([agent])
        const { stale, other } = await openTabs(sdk, server.api)
        await leave(other.player, other.chat, server.api)
        const asked = model.asked.length
        const toolCallId = String(fieldOf(stale.player.toolParts('ask')[0], 'toolCallId'))
        const output = { tool: 'ask', toolCallId, output: 'here' }
        const give = () => stale.chat.addToolOutput(output)
        await stale.player.act('a late answer', 1, give, late)
        expect(outlineOf(stale.player.last).join()).not.toContain('text ')
        expect(model.asked).toHaveLength(asked)
      })

      if (sdk.major === 5) continue
      it(`${fact} and the answer is an approval`, async () => {
        const { agent, model } = openAgent([removes, says('Another.'), says('Here I am.')])
        await using server = await openServer([agent])
        const { stale, other } = await openTabs(sdk, server.api)
        await leave(other.player, other.chat, server.api)
        const asked = model.asked.length
        await stale.player.decide('a late approval', 1, true, { error: late })
        expect(outlineOf(stale.player.last).join()).not.toContain('text ')
        expect(model.asked).toHaveLength(asked)
      })
    }
  })
}

for (const sdk of sdks) {
  for (const second of ['red', 'blue']) {
    it(`${sdk.name} accepts answers of both tabs: red and ${second}`, async () => {
      const { agent, model } = openAgent([asks, says('As you like.')])
      await using server = await openServer([agent])
      const { stale, other } = await openTabs(sdk, server.api)
      const toolCallId = String(fieldOf(stale.player.toolParts('ask')[0], 'toolCallId'))
      const tabs = [stale, other]
      await Promise.all(
        [['red', stale] as const, [second, other] as const].map(async ([output, { chat }]) =>
          chat.addToolOutput({ tool: 'ask', toolCallId, output }),
        ),
      )
      for (const { chat, player } of tabs) {
        await vi.waitFor(
          () => expect(outlineOf(player.last).at(-1)).toBe('text As you like.'),
          wait,
        )
        await vi.waitFor(
          () => expect([chat.status, chat.error]).toEqual(['ready', undefined]),
          wait,
        )
      }
      // Both tabs show the answer that the server accepted.
      const [one, two] = tabs.map(({ player }) => player.toolParts('ask')[0]?.['output'])
      expect(one).toBe(two)
      expect(model.asked).toHaveLength(2)
    })
  }
}
