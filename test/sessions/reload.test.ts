/**
 * A page that is reloaded at any moment of a turn shows the whole answer. The history has everything
 * except the unfinished message, and the stream sends that one from its start.
 */
import { describe, expect, it } from 'vitest'

import { resumableFetch } from '../../src/client.ts'
import { isFields } from '../../src/ground/fields.ts'
import type { Profile } from '../../src/wire/frames.ts'
import { sdks } from '../clients/chat-client.ts'
import { expectQuiet } from '../clients/quiet.ts'
import { ChatPage, playAsking, playSecondQuestion } from './chat-page.ts'
import { cuttingFetch } from './cutting.ts'
import { openHolds } from './holds.ts'
import { askingTurn, richAgent, richTurn } from './rich-agent.ts'
import { openServed } from './served.ts'

expectQuiet()

/** Its connection breaks once more during the replay of the answer. */
const breaking = (after: number) =>
  resumableFetch({ fetch: cuttingFetch([{ after }]).fetch, pauseMs: 1, silenceMs: 8000 })

/** ai 6 has no chunk for a decision. Its replay has only the result of the decision. */
function asReplayed(answer: object, profile: Profile | undefined): unknown {
  if (profile === 'v7') return answer
  const undecided = { approved: undefined, reason: undefined }
  return JSON.parse(JSON.stringify(answer), (key, value: unknown) =>
    key === 'approval' && isFields(value) ? { ...value, ...undecided } : value,
  )
}

for (const sdk of sdks) {
  const approves = sdk.major !== 5
  const profile = sdk.strict ? undefined : (`v${sdk.major}` as const)

  describe(`a reloaded page of ${sdk.name}`, () => {
    it('shows the whole answer at any part of a rich turn', async () => {
      const holds = openHolds()
      const { agent, model } = richAgent(richTurn, holds.before)
      await using server = await openServed([agent])
      const uncut = new ChatPage(sdk, { api: server.api, profile })
      await uncut.say('Go.')
      const moments = richTurn.flatMap((reply, index) =>
        reply.map((_, part) => ({ reply: index, part })),
      )
      for (const { reply, part } of moments) {
        const asked = `Go at ${reply}.${part}.`
        const gate = holds.at({ asked, reply, part })
        const left = new ChatPage(sdk, { api: server.api, profile })
        const leaving = left.say(asked).catch(() => {})
        await gate.reached()
        const fetch = part % 2 === 0 ? globalThis.fetch : breaking(part)
        const page = await left.reload({ fetch: gate.opening(fetch) })
        await leaving
        expect(page.chat.messages.map(({ role }) => role)).toEqual(['user'])
        await page.chat.resumeStream()
        await page.sees({ text: '🌤.\n' })
        expect(page.answer, asked).toEqual(uncut.answer)
      }
      expect(model.asked).toHaveLength((moments.length + 1) * richTurn.length)
      expect(server.reported).toEqual([])
    })

    it('can continue at any part of a continued message', async () => {
      const holds = openHolds()
      const turn = askingTurn(approves)
      const { agent, model } = richAgent(turn, holds.before)
      await using server = await openServed([agent])
      const uncut = new ChatPage(sdk, { api: server.api, profile })
      await uncut.say('Go.')
      await playAsking(uncut, approves)
      const moments = turn.flatMap((reply, index) =>
        reply.map((_, part) => ({ reply: index, part })),
      )
      for (const { reply, part } of moments) {
        const asked = `Go at ${reply}.${part}.`
        const gate = holds.at({ asked, reply, part })
        const left = new ChatPage(sdk, { api: server.api, profile })
        const leaving = left
          .say(asked)
          .then(() => playAsking(left, approves))
          .catch(() => {})
        await gate.reached()
        const fetch = part % 2 === 0 ? globalThis.fetch : breaking(part)
        const page = await left.reload({ fetch: gate.opening(fetch) })
        await leaving
        expect(page.chat.messages.map(({ role }) => role)).toEqual(['user'])
        await page.chat.resumeStream()
        if (reply === 0) await playAsking(page, approves)
        if (reply === 1) await playSecondQuestion(page, approves)
        await page.sees({ text: 'Done — at last.' })
        expect(asReplayed(page.answer, profile), asked).toEqual(asReplayed(uncut.answer, profile))
      }
      expect(model.asked).toHaveLength((moments.length + 1) * turn.length)
      expect(server.reported).toEqual([])
    })

    it('shows the open call of a message, and can answer', async () => {
      const { agent } = richAgent(askingTurn(approves))
      await using server = await openServed([agent])
      const uncut = new ChatPage(sdk, { api: server.api, profile })
      await uncut.say('Go.')
      await playAsking(uncut, approves)

      let page = new ChatPage(sdk, { api: server.api, profile })
      const loadAnew = async () => {
        page = await page.reload()
        expect(page.chat.messages.map(({ role }) => role)).toEqual(['user'])
        await page.chat.resumeStream()
      }
      await page.say('Go.')
      for (let times = 0; times < 2; times++) {
        await loadAnew()
        await page.sees({ call: 'call-a' })
      }
      await page.tell('call-a', 'here')
      await page.sees({ call: 'call-x' })
      for (let times = 0; times < 2; times++) {
        await loadAnew()
        await page.sees({ call: 'call-x' })
      }
      await playSecondQuestion(page, approves)
      expect(page.shown).toEqual(uncut.shown)
    })

    it('reads the whole answer from the history after its end', async () => {
      const { agent } = richAgent(askingTurn(approves))
      await using server = await openServed([agent])
      const left = new ChatPage(sdk, { api: server.api, profile })
      await left.say('Go.')
      await playAsking(left, approves)
      const statuses: number[] = []
      const page = await left.reload({
        fetch: async (input, init) => {
          const response = await fetch(input, init)
          statuses.push(response.status)
          return response
        },
      })
      const { shown } = page
      await page.chat.resumeStream()
      expect(statuses).toEqual([204])
      expect(page.chat.status).toBe('ready')
      expect(page.shown).toEqual(shown)
      expect(page.answer).toEqual(left.answer)
    })
  })
}
