/**
 * Conversations over HTTP with models of all families: approvals, answers of a client and of a human,
 * stops, replies that break off, summaries. Each family accepts the content of the others in the history.
 */
import type { ServerResponse } from 'node:http'

import { jsonSchema } from 'ai'
import * as fc from 'fast-check'
import { Hono } from 'hono'
import { describe, expect, test } from 'vitest'

import { createModels, defineAgent, Loom, sessionRoutes } from '../../src/index.ts'
import { human } from '../../tools/human.ts'
import { until } from '../redis/until.ts'
import { families, refusalBy } from './families.ts'
import { addressOf, deltasOf, isMendable, modelOf, type Step } from './family-model.ts'
import { chunk, providerServer, refuse, say, stream } from './provider-server.ts'

const nothing = jsonSchema({ type: 'object' })
const tools = [
  { name: 'look', description: 'Looks.', inputSchema: nothing, execute: () => ({ ok: true }) },
  {
    name: 'drop',
    description: 'Drops a table.',
    inputSchema: nothing,
    needsApproval: true,
    execute: () => 'dropped',
  },
  // The client runs it.
  { name: 'locate', description: 'Finds the place of the user.', inputSchema: nothing },
  human(),
]

interface Turn {
  family: string
  steps: Step[]
  ending: 'whole' | 'stop' | 'cut' | 'cut in a call'
  /** The reactions to a call that waits for a human. */
  reaction: 'yes' | 'no' | 'later message'
  isLong: boolean
}

const call = fc.record({
  id: fc.constantFrom('call_1', 'functions.look:0', 'aB3dE5gH7', 'x'.repeat(50)),
  name: fc.constantFrom('look', 'drop', 'locate', 'human', 'browser.tabs.open'),
  input: fc.constantFrom('{}', '{"question":"Which?"}', '[1]', '{"a"'),
})
const turn: fc.Arbitrary<Turn> = fc.record({
  family: fc.constantFrom(...Object.keys(families)),
  steps: fc.array(
    fc.record({
      thought: fc.option(fc.constantFrom('Hm.', 'Let me think.'), { nil: undefined }),
      text: fc.constantFrom('', 'Here.', ' '),
      call: fc.option(call, { nil: undefined }),
    }),
    { maxLength: 3 },
  ),
  ending: fc.constantFrom('whole', 'whole', 'stop', 'cut', 'cut in a call'),
  reaction: fc.constantFrom('yes', 'yes', 'no', 'later message'),
  isLong: fc.boolean(),
})

/** Closes the connection after the start of an answer. */
function breakOff(response: ServerResponse, ...deltas: object[]): void {
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  const events = deltas.map((delta) => `data: ${JSON.stringify(chunk(delta))}\n\n`)
  response.write(events.join(''), () => response.destroy())
}

const cutCall = {
  tool_calls: [
    { index: 0, id: 'call_9', type: 'function', function: { name: 'look', arguments: '{"a' } },
  ],
}

interface Part {
  type: string
  state?: string
  toolCallId?: string
  approval?: { id: string }
}

/** An answer as JSON, or an error. */
interface Answer {
  text?: string
  message?: { parts: Part[] }
}

/** A server with an agent for each family, and the refusals of the families. */
async function openConversation() {
  const refused: string[] = []
  const script: Pick<Turn, 'steps' | 'ending'> & { isAsked: boolean } = {
    steps: [],
    ending: 'whole',
    isAsked: false,
  }
  let answers = 0
  let summaries = 0
  let toolAnswers = 0
  let approvals = 0
  const server = await providerServer(({ path, body }, response) => {
    const family = path.split('/')[1] ?? ''
    const refusal = refusalBy(family, body)
    if (refusal !== undefined) {
      if (!isMendable(refusal)) refused.push(`${family}: ${refusal}`)
      return refuse(response, 400, { error: { message: refusal } })
    }
    if (JSON.stringify(body['messages']).includes('summar') && body['tools'] === undefined) {
      summaries++
      return stream(response, ...say('They talked.'))
    }
    answers++
    const next = script.steps.shift()
    if (next !== undefined) return stream(response, ...deltasOf(family, next))
    const { ending } = script
    script.ending = 'whole'
    if (ending === 'cut') return breakOff(response, { content: 'Half a' })
    if (ending === 'cut in a call') return breakOff(response, cutCall)
    if (ending === 'stop') {
      script.isAsked = true
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      return response.write(`data: ${JSON.stringify(chunk({ content: 'Some' }))}\n\n`)
    }
    return stream(
      response,
      ...deltasOf(family, { thought: undefined, text: 'Done.', call: undefined }),
    )
  })
  const names = Object.keys(families)
  const environment = Object.assign({}, ...names.map((name) => addressOf(name, server.root)))
  const agents = names.map((name) =>
    defineAgent({
      name,
      systemPrompt: 'Be short.',
      model: modelOf(name),
      tools,
      contextWindow: 8192,
      retry: { retries: 2, initialDelayMs: 1 },
      maxSteps: 6,
    }),
  )
  const loom = new Loom({ agents, models: createModels({ environment }) })
  const app = new Hono().route('/', sessionRoutes(loom))
  const post = async (path: string, body: object) => {
    const response = await app.request(path, {
      method: 'POST',
      body: JSON.stringify(body),
      headers: { accept: 'application/json', 'content-type': 'application/json' },
    })
    const text = await response.text()
    const answer: Answer = JSON.parse(text)
    return answer
  }
  let count = 0
  const tell = (agent: string, text: string) =>
    post('/chat', {
      id: 'talk',
      agent,
      message: { id: `u${count++}`, role: 'user', parts: [{ type: 'text', text }] },
    })
  const waiting = ({ message }: Answer): Part | undefined =>
    message?.parts.find(
      ({ state }) => state === 'approval-requested' || state === 'input-available',
    )
  const react = async (asked: Answer, reaction: 'yes' | 'no') => {
    let answer = asked
    for (let part = waiting(answer); part !== undefined; part = waiting(answer)) {
      const { approval, toolCallId = '' } = part
      if (approval === undefined) toolAnswers++
      else approvals++
      answer = await (approval === undefined
        ? post(
            `/chat/talk/tools/${encodeURIComponent(toolCallId)}`,
            reaction === 'yes' ? { output: 'Berlin' } : { errorText: 'The user refused.' },
          )
        : post(`/chat/talk/approvals/${encodeURIComponent(approval.id)}`, {
            approved: reaction === 'yes',
          }))
    }
  }
  return {
    refused,
    /** The events of the conversation. */
    counts: () => ({ summaries, toolAnswers, approvals }),
    async play({ family, steps, ending, reaction, isLong }: Turn) {
      Object.assign(script, { steps: [...steps], ending, isAsked: false })
      answers = 0
      const asked = tell(family, isLong ? 'lorem ipsum dolor '.repeat(900) : 'Hi')
      let isOver = false
      const over = asked.finally(() => (isOver = true))
      const stop = async () => {
        await until(
          20_000,
          'the model is asked or the turn is over',
          () => script.isAsked || isOver,
        )
        if (script.isAsked) await post('/chat/talk/stop', {})
      }
      await (ending === 'stop' ? Promise.all([over, stop()]) : over)
      if (reaction !== 'later message') {
        script.ending = 'whole'
        await react(await over, reaction)
      }
      // One request per step, one for the final text, and one more if an answer broke off.
      expect(answers).toBeLessThanOrEqual(steps.length + 1 + (ending.startsWith('cut') ? 1 : 0))
      Object.assign(script, { steps: [], ending: 'whole' })
    },
    /** The answer of each family to a plain message at the end. */
    async ends() {
      const texts: string[] = []
      for (const name of names) {
        const answer = await tell(name, 'Hi')
        texts.push(answer.text ?? JSON.stringify(answer))
      }
      return texts
    },
    close: () => loom.close(),
  }
}

describe('a conversation over HTTP with models of any family', () => {
  test('each family accepts the history of the others', async () => {
    const counts = { summaries: 0, toolAnswers: 0, approvals: 0 }
    await fc.assert(
      fc.asyncProperty(fc.array(turn, { minLength: 1, maxLength: 4 }), async (turns) => {
        const conversation = await openConversation()
        try {
          for (const turn of turns) await conversation.play(turn)
          expect(await conversation.ends()).toEqual(Object.keys(families).map(() => 'Done.'))
          expect(conversation.refused).toEqual([])
        } finally {
          const { summaries, toolAnswers, approvals } = conversation.counts()
          counts.summaries += summaries
          counts.toolAnswers += toolAnswers
          counts.approvals += approvals
          await conversation.close()
        }
      }),
      { numRuns: 25, interruptAfterTimeLimit: 60_000, markInterruptAsFailure: false },
    )
    // The generated conversations had the intended events.
    for (const count of Object.values(counts)) expect(count).toBeGreaterThan(0)
  }, 120_000)
})
