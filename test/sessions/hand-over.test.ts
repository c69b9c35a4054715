/** A turn is handed over in the moment in which its run has ended and its last events are not in the log. */
import type { LanguageModelV4CallOptions, LanguageModelV4StreamPart } from '@ai-sdk/provider'
import { expect, it, onTestFinished } from 'vitest'

import { defineAgent } from '../../src/agent.ts'
import { startProxy } from '../redis/proxy.ts'
import { startRedis } from '../redis/redis.ts'
import { finish } from '../scripted-model.ts'
import { Gate } from './scripts.ts'
import { openServed } from './served.ts'
import { messagesOf, openTab } from './tab.ts'

const words = ['One ', 'two ', 'three.']

/** The words after those that the prompt already has. */
function restOf({ prompt }: LanguageModelV4CallOptions): string[] {
  const said = JSON.stringify(prompt)
  return words.filter((word) => !said.includes(word.trim()))
}

it('the next owner continues an answer whose last events were lost at its hand-over', async () => {
  const redis = await startRedis()
  onTestFinished(() => redis[Symbol.asyncDispose]())
  const proxy = await startProxy(redis.port)
  onTestFinished(() => proxy[Symbol.asyncDispose]())
  const second = new Gate('the model is about to send its second word')
  const third = new Gate('the model is about to send its third word')
  const ended = Promise.withResolvers<void>()
  async function* parts(options: LanguageModelV4CallOptions) {
    const delta = (text: string): LanguageModelV4StreamPart => ({
      type: 'text-delta',
      id: 't',
      delta: text,
    })
    yield { type: 'text-start', id: 't' } satisfies LanguageModelV4StreamPart
    for (const word of restOf(options)) {
      if (word === words[1]) await second.pass()
      if (word === words[2]) await third.pass()
      yield delta(word)
    }
    yield { type: 'text-end', id: 't' } satisfies LanguageModelV4StreamPart
    yield finish()
    ended.resolve()
  }
  const agent = defineAgent({
    name: 'counter',
    systemPrompt: 'Count.',
    model: {
      specificationVersion: 'v4',
      provider: 'scripted',
      modelId: 'counter',
      supportedUrls: {},
      doGenerate: () => Promise.reject(new Error('only doStream is scripted')),
      doStream: async (options) => ({ stream: ReadableStream.from(parts(options)) }),
    },
  })
  const environment = { LOOM_FLUSH_MS: '0' }
  const owner = await openServed([agent], { ...environment, REDIS_URL: proxy.url })
  onTestFinished(() => owner[Symbol.asyncDispose]())
  const other = await openServed([agent], { ...environment, REDIS_URL: redis.url })
  onTestFinished(() => other[Symbol.asyncDispose]())

  const asked = openTab({ urls: [owner.url], profile: 'v6' }).send('c', 'Go.')
  await second.reached()
  // No reply of Redis arrives now. So the append of the second word is in progress, and the rest waits.
  proxy.hold()
  second.open()
  await third.reached()
  await loopTurns()
  third.open()
  await ended.promise
  await loopTurns()
  const draining = owner.loom.sessions.drain()
  proxy.release()
  await draining

  const seen = await asked.message
  const stored = (await messagesOf(other.url, 'c', 'v6')).at(-1)
  expect(stored).toEqual(seen)
  expect(stored?.parts.flatMap((part) => (part.type === 'text' ? part.text : [])).join('')).toBe(
    words.join(''),
  )
  expect([...owner.reported, ...other.reported]).toEqual([])
})

/** Everything that needs no reply of Redis has happened then. */
async function loopTurns(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve))
}
