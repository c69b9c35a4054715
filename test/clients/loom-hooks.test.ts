/** `useLoomChat` in pages of ai 5, 6 and 7 under React's `StrictMode`, against a live server. */
import { describe, expect, it, vi } from 'vitest'

import { loomChat, type LoomChatOptions, LoomClientError } from '../../src/client.ts'
import { calls, says } from '../scripted-model.ts'
import { Gate, saysWhen } from '../sessions/scripts.ts'
import { openServer } from './live-server.ts'
import { loomHooks, type MountedLoom } from './loom-hook-client.ts'
import { wait } from './player.ts'
import { expectQuiet } from './quiet.ts'
import { openAgent } from './test-agent.ts'

expectQuiet()

const shows = (page: MountedLoom, texts: readonly string[]) =>
  vi.waitFor(() => expect([page.chat.status, page.shown]).toEqual(['ready', texts]), wait)

const loads = (page: MountedLoom) => vi.waitFor(() => expect(page.chat.isLoading).toBe(false), wait)

/** Another client of the conversation. */
const other = (api: string) => loomChat({ api, id: 'c', profile: 'v7' })

const say = async (api: string, text: string) => {
  const headers = { accept: 'application/json' }
  const body = JSON.stringify({ id: 'c', message: text })
  expect((await fetch(api, { method: 'POST', headers, body })).status).toBe(200)
}

for (const hook of loomHooks) {
  const open = (api: string, more: Partial<LoomChatOptions> & { watch?: boolean } = {}) =>
    hook.open({ api, id: 'c', profile: `v${hook.major}`, pauseMs: 1, ...more })

  describe(`useLoomChat over ${hook.name}`, () => {
    it('loads the history, answers, and follows another tab', async () => {
      const { agent } = openAgent([says('One.'), says('Two.'), says('Three.')])
      await using server = await openServer([agent])
      await say(server.api, 'First')
      using page = open(server.api)
      expect(page.chat.isLoading).toBe(true)
      await shows(page, ['First', 'One.'])
      await loads(page)
      await page.chat.sendMessage({ text: 'Second' })
      await shows(page, ['First', 'One.', 'Second', 'Two.'])
      await say(server.api, 'Third')
      await shows(page, ['First', 'One.', 'Second', 'Two.', 'Third', 'Three.'])
      expect(page.chat.error).toBeUndefined()
    })

    it('shows the running answer of another tab, and stops it on the server', async () => {
      const gate = new Gate('the answer')
      const { agent } = openAgent([saysWhen(gate, 'One', ' two.')])
      await using server = await openServer([agent])
      using first = open(server.api)
      await loads(first)
      using second = open(server.api)
      await loads(second)
      const sending = first.chat.sendMessage({ text: 'Count.' })
      await gate.reached()
      await vi.waitFor(() => expect(second.shown).toEqual(['Count.', 'One']), wait)
      expect(await second.chat.stop()).toEqual({ stopped: true })
      await sending
      gate.open()
      await shows(first, ['Count.', 'One'])
      await shows(second, ['Count.', 'One'])
      // No list was shorter than the one before it: the page never hides what it shows.
      for (const { history } of [first, second]) {
        const lengths = history.map((texts) => texts.join().length)
        expect(lengths).toEqual(lengths.toSorted((a, b) => a - b))
      }
    })

    it('shows the running answer after a reload', async () => {
      const gate = new Gate('the answer')
      const { agent } = openAgent([saysWhen(gate, 'One', ' two.')])
      await using server = await openServer([agent])
      {
        using before = open(server.api)
        await loads(before)
        void before.chat.sendMessage({ text: 'Count.' })
        await gate.reached()
        await vi.waitFor(() => expect(before.shown).toEqual(['Count.', 'One']), wait)
      }
      using page = open(server.api)
      await vi.waitFor(() => expect(page.shown).toEqual(['Count.', 'One']), wait)
      gate.open()
      await shows(page, ['Count.', 'One two.'])
    })

    it('answers a question of the agent, and an approval that another tab gives', async () => {
      const approves = hook.major !== 5
      const { agent } = openAgent([
        calls(['ask', { question: 'Where?' }]),
        ...(approves ? [calls(['remove', { path: '/a' }])] : []),
        says('Done.'),
      ])
      await using server = await openServer([agent])
      using page = open(server.api)
      await loads(page)
      await page.chat.sendMessage({ text: 'Go.' })
      const { waitsFor: [question] = [] } = (await page.chat.info()) ?? {}
      if (question === undefined) throw new Error('no question waits')
      await page.chat.addToolOutput({
        tool: 'ask',
        toolCallId: question.toolCallId,
        output: 'here',
      })
      if (approves) {
        const approval = await vi.waitFor(async () => {
          const { waitsFor: [call] = [] } = (await page.chat.info()) ?? {}
          expect(call?.approvalId).toBeDefined()
          return call
        }, wait)
        const path = `c/approvals/${encodeURIComponent(approval?.approvalId ?? '')}`
        const body = JSON.stringify({ approved: true })
        const headers = { accept: 'application/json' }
        await fetch(`${server.api}/${path}`, { method: 'POST', headers, body })
      }
      await shows(page, ['Go.', 'Done.'])
    })

    it('loads the messages again after an edit on a stale history, and shows why', async () => {
      const { agent, model } = openAgent([says('One.'), says('Two.')])
      await using server = await openServer([agent])
      using page = open(server.api, { watch: false })
      await loads(page)
      await page.chat.sendMessage({ text: 'First' })
      await shows(page, ['First', 'One.'])
      await say(server.api, 'Second')
      const messageId = page.chat.messages[0]?.id ?? ''
      await page.chat.sendMessage({ text: 'Edited', messageId })
      await vi.waitFor(() => expect(page.chat.error).toMatchObject({ status: 409 }), wait)
      await vi.waitFor(() => expect(page.shown).toEqual(['First', 'One.', 'Second', 'Two.']), wait)
      expect(page.chat.error?.message).toContain('newer messages')
      expect(model.asked).toHaveLength(2)
    })

    it('keeps the messages of a deleted conversation, and says that it is gone', async () => {
      const { agent } = openAgent([says('One.'), says('Two.')])
      await using server = await openServer([agent])
      await say(server.api, 'First')
      using page = open(server.api)
      await shows(page, ['First', 'One.'])
      await other(server.api).remove()
      await vi.waitFor(() => expect(page.chat.gone).toBeInstanceOf(LoomClientError), wait)
      expect(page.shown).toEqual(['First', 'One.'])
      page.render({ api: server.api, id: 'next', profile: `v${hook.major}` })
      await shows(page, [])
      await loads(page)
      expect(page.chat.gone).toBeUndefined()
      await page.chat.sendMessage({ text: 'Again' })
      await shows(page, ['Again', 'Two.'])
    })
  })
}
