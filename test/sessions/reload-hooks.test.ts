/** The real hooks: a page with `useChat({ id, messages, resume: true })` that is reloaded during a turn. */
import { randomUUID } from 'node:crypto'

import { describe, expect, it } from 'vitest'

import { hookSdks, textOf } from '../clients/hook-client.ts'
import { plainMessage } from '../clients/plain.ts'
import { expectQuiet } from '../clients/quiet.ts'
import { until } from '../redis/until.ts'
import { openHolds } from './holds.ts'
import { richAgent, richTurn } from './rich-agent.ts'
import { openServed } from './served.ts'
import { cast, messagesOf } from './tab.ts'

expectQuiet()

describe('a page reloaded during a turn shows the whole answer with', () => {
  for (const sdk of hookSdks) {
    it(`useChat of ${sdk.name}`, async () => {
      const holds = openHolds()
      const { agent, model } = richAgent(richTurn, holds.before)
      await using server = await openServed([agent])
      const moments = richTurn.flatMap((reply, index) =>
        reply.map((_, part) => ({ reply: index, part })).filter(({ part }) => part % 3 === 1),
      )
      for (const { reply, part } of moments) {
        const asked = `Go at ${reply}.${part}.`
        const hold = holds.at({ asked, reply, part })
        const id = randomUUID()
        await cast(server.url, id, asked)
        await hold.reached()
        const messages = await messagesOf(server.url, id)
        const statuses: number[] = []
        const resuming = hold.opening(fetch)
        using chat = sdk.open({
          api: `${server.api}?profile=v${sdk.major}`,
          fetch: async (input, init) => {
            const response = await resuming(input, init)
            statuses.push(response.status)
            return response
          },
          decided: () => {},
          id,
          messages,
          resume: true,
        })
        await until(8000, `the answer of ${asked}`, () => {
          if (chat.error !== undefined) throw chat.error
          return (
            chat.status === 'ready' &&
            chat.messages.at(-1)?.metadata !== undefined &&
            JSON.stringify(chat.messages.at(-1)).includes('durationMs')
          )
        })
        expect(statuses).toEqual([200])
        const stored = await messagesOf(server.url, id)
        expect(chat.messages.map(({ id }) => id)).toEqual(stored.map(({ id }) => id))
        expect(chat.messages.map(plainMessage)).toEqual(stored.map(plainMessage))
        expect(chat.shown).toEqual(chat.messages.map(textOf))
      }
      expect(model.asked).toHaveLength(moments.length * richTurn.length)
    })
  }
})
