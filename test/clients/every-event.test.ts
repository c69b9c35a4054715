/** Every supported client can read every stream that a model and its tools can cause. */
import { describe, expect, it } from 'vitest'

import type { AgentEvent } from '../../src/event.ts'
import { fieldOf } from '../../src/ground/fields.ts'
import { streamAgent } from '../../src/index.ts'
import { profiles } from '../../src/wire/frames.ts'
import type { Profile } from '../../src/wire/frames.ts'
import { says, words } from '../scripted-model.ts'
import { cases } from './every-event.ts'
import { type Exchange, openRecorder, openServer } from './live-server.ts'
import { expectQuiet } from './quiet.ts'
import { chunksOf, readByAll } from './readable.ts'
import { openAgent } from './test-agent.ts'

/** Posts one question like a client. */
async function post(api: string, profile: Profile | undefined): Promise<Exchange> {
  const recorder = openRecorder()
  const parts = [{ type: 'text', text: 'Go.' }]
  const body = JSON.stringify({ id: 'chat', messages: [{ id: 'm', role: 'user', parts }] })
  const query = profile === undefined ? '' : `?profile=${profile}`
  await recorder.fetch(api + query, { method: 'POST', body })
  const [exchange] = recorder.exchanges
  if (exchange === undefined) throw new Error('nothing was posted')
  expect(await exchange.whole, 'the answer has a clean end').toBe(true)
  return exchange
}

const typesIn = ({ text }: Exchange): Set<string> => new Set(chunksOf(text).map(({ type }) => type))

expectQuiet()

for (const profile of [undefined, ...profiles]) {
  describe(`readers with ${profile ?? 'no'} profile all see the same message from`, () => {
    for (const { fact, replies, parts, tools } of cases) {
      it(fact, async () => {
        const { agent } = openAgent(replies, tools && { tools })
        await using server = await openServer([agent])
        const message = await readByAll(await post(server.api, profile), profile)
        const seen = fieldOf(message, 'parts')
        for (const part of parts) expect(seen).toContainEqual(expect.objectContaining(part))
      })
    }

    it('an answer that the server stops', async () => {
      const stop = new AbortController()
      const { agent } = openAgent([
        async function* () {
          yield* words('As I was say')
          stop.abort()
          yield* says('ing')
        },
      ])
      await using server = await openServer([agent], (app) => {
        app.post('/stopped', async (c) => {
          const { messages } = await c.req.json()
          return streamAgent(c, agent, messages, { signal: stop.signal })
        })
      })
      const exchange = await post(`${server.url}/stopped`, profile)
      expect(typesIn(exchange)).toContain('abort')
      const message = await readByAll(exchange, profile)
      expect(fieldOf(message, 'parts')).toContainEqual({
        type: 'text',
        text: 'As I was say',
        state: 'done',
      })
    })
  })
}

/** The events that a model and its tools can cause. The type checker finds a missing one. */
const everyType: Record<Exclude<AgentEvent['type'], Elsewhere>, true> = {
  custom: true,
  file: true,
  finish: true,
  'finish-step': true,
  'message-metadata': true,
  'reasoning-delta': true,
  'reasoning-end': true,
  'reasoning-file': true,
  'reasoning-start': true,
  'source-document': true,
  'source-url': true,
  start: true,
  'start-step': true,
  'text-delta': true,
  'text-end': true,
  'text-start': true,
  'tool-input-available': true,
  'tool-input-delta': true,
  'tool-input-error': true,
  'tool-input-start': true,
  'tool-output-available': true,
  'tool-output-error': true,
}

/** Events that the conversations test, and events that no run emits yet. */
type Elsewhere =
  | 'abort'
  | 'error'
  | 'reset-step'
  | 'tool-approval-request'
  | 'tool-approval-response'
  | 'tool-output-denied'
  // A tool chooses the names.
  | `data-${string}`

describe('the answers', () => {
  it('contain every type of event', async () => {
    const types = new Set<string>()
    for (const { replies, tools } of cases) {
      const { agent } = openAgent(replies, tools && { tools })
      await using server = await openServer([agent])
      for (const type of typesIn(await post(server.api, 'v7'))) types.add(type)
    }
    const named = [...types].filter((type) => !type.startsWith('data-'))
    expect(named.toSorted()).toEqual(Object.keys(everyType).toSorted())
  })
})
