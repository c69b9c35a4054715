/** Clients that cannot approve, answers to an old question, and servers of one line. */
import { describe, expect, it } from 'vitest'

import { fieldOf } from '../../src/ground/fields.ts'
import { streamAgent } from '../../src/index.ts'
import { calls, says } from '../scripted-model.ts'
import { sdks } from './chat-client.ts'
import { openServer } from './live-server.ts'
import { outlineOf } from './plain.ts'
import { openPlayer } from './player.ts'
import { expectQuiet } from './quiet.ts'
import { readByAll } from './readable.ts'
import { openAgent } from './test-agent.ts'

const removes = calls(['remove', { path: '/a' }])

expectQuiet()

for (const sdk of sdks) {
  describe(sdk.name, () => {
    if (sdk.major === 5) {
      it('gets an error for a call that needs approval', async () => {
        const { agent } = openAgent([removes, says('I may not.')])
        await using server = await openServer([agent])
        const { player, exchanges } = openPlayer(sdk, server.api, 'v5')
        await player.say('a turn', { text: 'Clean up.' })
        expect(outlineOf(player.last)).toEqual([
          'step-start',
          expect.stringMatching(/^tool-remove output-error .*approval/),
          'step-start',
          'text I may not.',
        ])
        for (const exchange of exchanges) await readByAll(exchange, 'v5')
      })
    }

    it('continues in the same message with a one-line server', async () => {
      const { agent } = openAgent([calls(['ask', { question: 'Where?' }]), says('There.')])
      await using server = await openServer([agent], (app) => {
        app.post('/chat', async (c) => {
          const { messages } = await c.req.json<{ messages: unknown }>()
          return streamAgent(c, agent, messages)
        })
      })
      const { player, chat } = openPlayer(sdk, `${server.url}/chat`)
      await player.say('a question', { text: 'Ask me.' })
      await player.answer('an answer', 1, 'here')
      expect(chat.messages).toHaveLength(2)
      expect(outlineOf(player.last)).toEqual([
        'step-start',
        'tool-ask output-available',
        'step-start',
        'text There.',
      ])
    })

    // Older clients always continue with the last message.
    if (sdk.major === 5 || sdk.strict) return
    it('cannot approve a call after another message', async () => {
      const { agent, model } = openAgent([removes, says('Something else.'), says('Here I am.')])
      await using server = await openServer([agent])
      const { player, chat } = openPlayer(sdk, server.api)
      await player.say('a request', { text: 'Clean up.' })
      const [call] = player.toolParts('remove')
      const answer = { id: String(fieldOf(call?.['approval'], 'id')), approved: true }
      await player.say('something else', { text: 'Tell me something else.' })
      await player.act('an approval', 0, () => chat.addToolApprovalResponse?.(answer))
      await player.act('a push', 1, () => chat.sendMessage(), /nothing new/)
      expect(model.asked).toHaveLength(2)
      await player.say('one more thing', { text: 'Are you there?' })
      const prompt = JSON.stringify(model.asked.at(-1)?.prompt)
      expect(prompt).toContain('Not answered.')
      expect(prompt).not.toContain('removed')
    })
  })
}
