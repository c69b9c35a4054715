/**
 * Clients that send automatically post again after every message that ends in finished tool calls.
 * A client that gets no other end repeats this for ever, with a model call each time (vercel/ai
 * issue 8043).
 */
import { tool } from 'ai'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'

import type { Agent } from '../../src/agent.ts'
import { streamAgent } from '../../src/index.ts'
import { calls, says, type Script } from '../scripted-model.ts'
import { sdks } from './chat-client.ts'
import { type LiveServer, openServer } from './live-server.ts'
import { openPlayer, type Player } from './player.ts'
import { expectQuiet } from './quiet.ts'
import { readByAll } from './readable.ts'
import { openAgent, type TestAgent, type TestAgentOptions } from './test-agent.ts'

interface Scene {
  fact: string
  replies: Script[]
  options?: TestAgentOptions
  /** Whether the server is a route of one line, without sessions. @defaultValue false */
  oneLine?: boolean
  play: (player: Player, agent: Agent) => Promise<void>
}

const weather = calls(['weather', { city: 'Oslo' }])
const asks = calls(['ask', { question: 'Where?' }])
const removes = calls(['remove', { path: '/a' }])

const justAsk: Scene['play'] = (player) => player.say('a turn', { text: 'Go.' })

const answerOnce: Scene['play'] = async (player) => {
  await player.say('a question', { text: 'Go.' })
  await player.answer('an answer', 1, 'here')
}

const decideOnce = (approved: boolean) => async (player: Player) => {
  await player.say('a request', { text: 'Go.' })
  await player.decide('a decision', 1, approved)
}

const scenes: readonly Scene[] = [
  {
    fact: 'it reaches its last step',
    replies: [weather, weather],
    options: { maxSteps: 2 },
    play: justAsk,
  },
  {
    fact: 'onStep stops it',
    replies: [weather],
    options: { onStep: () => 'stop' },
    play: justAsk,
  },
  {
    fact: 'all tools of its last step fail',
    replies: [calls(['broken', {}], ['teleport', {}], ['add', { a: 'one' }], ['stumble', {}])],
    options: { maxSteps: 1 },
    play: justAsk,
  },
  {
    fact: 'it reaches its last step after an answer of the client',
    replies: [asks, weather],
    options: { maxSteps: 1 },
    play: answerOnce,
  },
  {
    fact: 'onStep stops it after an answer of the client',
    replies: [asks, weather],
    options: { onStep: () => 'stop' },
    play: answerOnce,
  },
  {
    fact: 'the model fails after an answer of the client',
    replies: [asks, new Error('the model is out')],
    async play(player) {
      await player.say('a question', { text: 'Go.' })
      await player.answer('an answer', 1, 'here', { error: /the model is out/ })
    },
  },
]

const approvalScenes: readonly Scene[] = [
  {
    fact: 'it reaches its last step after an approval',
    replies: [removes, weather],
    options: { maxSteps: 1 },
    play: decideOnce(true),
  },
  {
    fact: 'onStep stops it after a denial',
    replies: [removes, weather],
    options: { onStep: () => 'stop' },
    play: decideOnce(false),
  },
  {
    fact: 'it asks for approval again and again',
    replies: [removes, removes, removes, says('Done.')],
    async play(player) {
      await player.say('a request', { text: 'Go.' })
      await player.decide('an approval', 1, true)
      await player.decide('a denial', 1, false, { index: 1 })
      await player.decide('another approval', 1, true, { index: 2 })
    },
  },
  {
    fact: 'another process requested the approval without a session',
    oneLine: true,
    replies: [removes, says('It was not done.')],
    async play(player, agent) {
      await player.say('a request', { text: 'Go.' })
      Object.defineProperty(agent, 'approvalSecret', { value: 'as after a restart' })
      await player.decide('an approval', 1, true)
      expect(player.toolParts('remove')).toMatchObject([{ state: 'output-error' }])
    },
  },
  {
    fact: 'the approved tool does not exist any more',
    replies: [removes, says('It could not be done.')],
    async play(player, agent) {
      await player.say('a request', { text: 'Go.' })
      Object.assign(agent, { tools: [] })
      await player.decide('an approval', 1, true)
      expect(player.toolParts('remove')).toMatchObject([{ state: 'output-error' }])
    },
  },
  {
    fact: 'the model fails after an approval',
    replies: [removes, new Error('the model is out')],
    async play(player) {
      await player.say('a request', { text: 'Go.' })
      await player.decide('an approval', 1, true, { error: /the model is out/ })
    },
  },
]

/** The events that make the server stop the turn. */
const stopScenes: readonly { fact: string; open: (stop: () => void) => TestAgent }[] = [
  {
    fact: 'the server stops it during a tool call',
    open(stop) {
      const slow = tool({
        inputSchema: z.object({}),
        execute: () => {
          stop()
          return new Promise(() => {})
        },
      })
      return openAgent([calls(['slow', {}]), says('Here I am.')], { tools: { slow } })
    },
  },
  {
    fact: 'the server stops it after a tool call',
    open(stop) {
      const onStep = () => {
        stop()
        return 'continue' as const
      }
      return openAgent([weather, says('Here I am.')], { onStep })
    },
  },
]

/** A server that stops its first answer. */
function openStoppedServer(agent: Agent, signal: AbortSignal): Promise<LiveServer> {
  let answers = 0
  return openServer([agent], (app) => {
    app.post('/stopped', async (c) => {
      const { messages } = await c.req.json<{ messages: unknown }>()
      return streamAgent(c, agent, messages, answers++ === 0 ? { signal } : {})
    })
  })
}

expectQuiet()

for (const sdk of sdks) {
  describe(`${sdk.name} sends nothing automatically if`, () => {
    const played = sdk.major === 5 ? scenes : [...scenes, ...approvalScenes]
    for (const { fact, replies, options, oneLine = false, play } of played) {
      it(fact, async () => {
        const { agent, model } = openAgent([...replies, says('Here I am.')], options)
        await using server = await openServer([agent], (app) => {
          app.post('/one-line', async (c) => {
            const { messages } = await c.req.json<{ messages: unknown }>()
            return streamAgent(c, agent, messages)
          })
        })
        const api = oneLine ? `${server.url}/one-line` : server.api
        const { player, exchanges } = openPlayer(sdk, api)
        await play(player, agent)
        expect(model.asked).toHaveLength(replies.length)
        await player.say('the next turn', { text: 'Are you there?' })
        expect(player.parts.at(-1)).toMatchObject({ text: 'Here I am.' })
        for (const exchange of exchanges) await readByAll(exchange, undefined)
      })
    }

    for (const { fact, open } of stopScenes) {
      it(fact, async () => {
        const stop = new AbortController()
        const { agent, model } = open(() => stop.abort())
        await using server = await openStoppedServer(agent, stop.signal)
        const { player, exchanges } = openPlayer(sdk, `${server.url}/stopped`)
        await player.say('a turn', { text: 'Go.' })
        expect(exchanges[0]?.text).toContain('"type":"abort"')
        expect(model.asked).toHaveLength(1)
        await player.say('the next turn', { text: 'Are you there?' })
        expect(player.parts.at(-1)).toMatchObject({ text: 'Here I am.' })
        for (const exchange of exchanges) await readByAll(exchange, undefined)
      })
    }
  })
}
