/**
 * A recorded stream over connections that break at any byte. The server of the record is the record
 * itself, so many cuts are cheap; `test/sessions/cuts.test.ts` cuts the streams of a live server.
 */
import * as fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'

import { loomChat, resumableFetch } from '../../src/client.ts'
import { richAgent, richTurn } from '../sessions/rich-agent.ts'
import { type ChatSdk, sdks } from './chat-client.ts'
import { openServer } from './live-server.ts'
import { outlineOf, plainMessages } from './plain.ts'

const profiles = ['v5', 'v6', 'v7'] as const
const records = new Map<string, Uint8Array>()

beforeAll(async () => {
  const { agent } = richAgent(richTurn)
  await using server = await openServer([agent])
  for (const profile of profiles) {
    const body = JSON.stringify({ id: profile, message: { id: 'q', role: 'user', content: 'Go.' } })
    const headers = { 'x-loom-profile': profile }
    const response = await fetch(server.api, { method: 'POST', headers, body })
    records.set(profile, new Uint8Array(await response.arrayBuffer()))
  }
})

/** A break of a connection: after this many bytes, as an error or as a clean end. */
interface Cut {
  bytes: number
  cleanly: boolean
}

/** Sends the record, and after a break the events that follow the last one that the reader has. */
function replaying(record: Uint8Array, cuts: readonly Cut[]): typeof fetch {
  const text = new TextDecoder().decode(record)
  let connections = 0
  return async (input, init) => {
    const { searchParams } = new URL(new Request(input).url)
    const after = searchParams.get('after')
    const place = after === null ? -1 : text.indexOf(`id: ${after}\n`)
    const start = place < 0 ? 0 : text.indexOf('\n\n', place) + 2
    const rest = new TextEncoder().encode(text.slice(start))
    const cut = cuts[connections++]
    if (init?.method !== 'POST') expect(after ?? 'no event yet').toBeTruthy()
    return new Response(bytesOf(rest, cut), {
      headers: { 'content-type': 'text/event-stream', 'x-loom-session': 'c' },
    })
  }
}

function bytesOf(bytes: Uint8Array, cut: Cut | undefined): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start(controller) {
      controller.enqueue(cut === undefined ? bytes : bytes.slice(0, cut.bytes))
      if (cut === undefined || cut.cleanly) controller.close()
    },
    // An error at the start would discard the bytes before it.
    pull(controller) {
      if (cut !== undefined && !cut.cleanly) controller.error(new TypeError('network error'))
    },
  })
}

const recordOf = (profile: string) => records.get(profile) ?? new Uint8Array()

async function shown(sdk: ChatSdk, cuts: readonly Cut[]): Promise<unknown> {
  const profile = `v${sdk.major}` as const
  const fetch = replaying(recordOf(profile), cuts)
  const loom = loomChat({ api: 'http://localhost/api/chat', id: 'c', profile, fetch, pauseMs: 0 })
  const chat = sdk.open({ api: '', id: 'c', loom, fetch, decided: () => {} })
  await chat.sendMessage({ text: 'Go.' })
  expect([chat.status, chat.error]).toEqual(['ready', undefined])
  return plainMessages(chat.messages)
}

describe('a stream that breaks', () => {
  // With LOOM_TEST_EVERY_BYTE=1, the test takes the others too.
  const step = process.env['LOOM_TEST_EVERY_BYTE'] === '1' ? 1 : 13

  it('after any byte has the same bytes in the end', async () => {
    for (const [index, profile] of profiles.entries()) {
      const record = recordOf(profile)
      const text = new TextDecoder().decode(record)
      expect(record.length).toBeGreaterThan(3000)
      for (let bytes = index; bytes < record.length; bytes += step) {
        const fetch = replaying(record, [{ bytes, cleanly: bytes % 2 === 0 }])
        const response = await resumableFetch({ fetch, pauseMs: 0 })('http://localhost/api/chat', {
          method: 'POST',
        })
        const received = await response.text()
        if (received !== text) expect(received, `cut after ${bytes} bytes`).toBe(text)
      }
    }
  })

  for (const sdk of sdks) {
    it(`at any bytes shows the same message in ${sdk.name}`, async () => {
      const whole = await shown(sdk, [])
      expect(outlineOf(Array.isArray(whole) ? whole.at(-1) : undefined).length).toBeGreaterThan(10)
      const { length } = recordOf(`v${sdk.major}`)
      const cut = fc.record({ bytes: fc.nat(length), cleanly: fc.boolean() })
      const check = fc.asyncProperty(
        fc.array(cut, { minLength: 1, maxLength: 5 }),
        async (cuts) => {
          expect(await shown(sdk, cuts)).toEqual(whole)
        },
      )
      await fc.assert(check, { numRuns: 25 })
    })
  }
})
