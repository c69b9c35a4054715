/** The same cuts with really closed sockets, under the fetch of Node. */
import { describe, expect, it } from 'vitest'

import { resumableFetch } from '../../src/client.ts'
import { sdks } from '../clients/chat-client.ts'
import { expectQuiet } from '../clients/quiet.ts'
import { ChatPage } from './chat-page.ts'
import { startCutProxy } from './cut-proxy.ts'
import { richAgent, richTurn } from './rich-agent.ts'
import { openServed } from './served.ts'

expectQuiet()

describe('a connection closed after any event changes no answer', () => {
  for (const sdk of sdks) {
    it(`by ${sdk.name} with resumableFetch`, async () => {
      const { agent, model } = richAgent(richTurn)
      await using server = await openServed([agent])
      await using proxy = await startCutProxy(server.url)
      const play = async () => {
        const fetch = resumableFetch({ pauseMs: 1, silenceMs: 8000 })
        const page = new ChatPage(sdk, { api: `${proxy.url}/api/chat`, fetch })
        await page.say('Go.')
        return page.answer
      }
      const uncut = await play()
      let after = 0
      for (; proxy.cuts === after; after++) {
        proxy.cutNext(after, after % 2 === 0 ? 'end' : 'reset')
        expect(await play(), `cut behind event ${after}`).toEqual(uncut)
      }
      expect(after).toBeGreaterThan(35)
      expect(model.asked).toHaveLength((after + 1) * richTurn.length)
      expect(server.reported).toEqual([])
    })
  }
})
