/** Content of a model goes back to it, and to another model, in a form which that model accepts. */
import { jsonSchema, type ModelMessage } from 'ai'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'

import { defineAgent } from '../../src/agent.ts'
import { LoomError } from '../../src/ground/error.ts'
import { createModels } from '../../src/model/resolve.ts'
import { run } from '../../src/runner.ts'
import { modelMessagesOf } from '../../src/wire/conversation.ts'
import { families, refusalBy } from './families.ts'
import { addressOf, deltasOf, isMendable, modelOf, type Step } from './family-model.ts'
import { providerServer, refuse, stream } from './provider-server.ts'

const image = Buffer.alloc(3000, 7)
image.set([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a])
const look = {
  name: 'look',
  description: 'Looks.',
  // Without `properties`, like the schema of many tools without inputs.
  inputSchema: jsonSchema({ type: 'object' }),
  execute: () => ({ ok: true }),
  toModelOutput: () => ({
    type: 'content' as const,
    value: [
      { type: 'text' as const, text: 'The screen:' },
      { type: 'file-data' as const, data: image.toString('base64'), mediaType: 'image/png' },
    ],
  }),
}

const step = fc.record({
  thought: fc.option(fc.constantFrom('Hm.', 'Let me think.'), { nil: undefined }),
  text: fc.constantFrom('', '', 'Here.', ' '),
  call: fc.option(
    fc.record({
      id: fc.constantFrom('call_1', 'functions.look:0', 'aB3dE5gH7', 'x'.repeat(50)),
      name: fc.constantFrom('look', 'browser.tabs.open', '', 'look at it'),
      input: fc.constantFrom('{}', '{"a":1}', '[1]', '"x"', '{"a"', 'null'),
    }),
    { nil: undefined },
  ),
})
const turn = fc.record({
  family: fc.constantFrom(...Object.keys(families)),
  steps: fc.array(step, { minLength: 1, maxLength: 3 }),
  isStopped: fc.boolean(),
})

interface Turn {
  family: string
  steps: Step[]
  isStopped: boolean
}

/** Runs the turns one after another, each with the model of its family. Returns the refusals. */
async function refusals(turns: Turn[], { mends = true } = {}) {
  const refused: string[] = []
  const script: { steps: Step[]; isStopped: boolean } = { steps: [], isStopped: false }
  let stop: AbortController | undefined
  const server = await providerServer(({ path, body }, response) => {
    const family = path.split('/')[1] ?? ''
    const refusal = refusalBy(family, body)
    if (refusal !== undefined) {
      if (!mends || !isMendable(refusal)) refused.push(`${family}: ${refusal}`)
      return refuse(response, 400, { error: { message: refusal } })
    }
    const next = script.steps.shift()
    if (next === undefined && script.isStopped) return stop?.abort()
    return stream(
      response,
      ...deltasOf(family, next ?? { thought: undefined, text: 'Done.', call: undefined }),
    )
  })
  let messages: ModelMessage[] = []
  for (const { family, steps, isStopped } of turns) {
    Object.assign(script, { steps: [...steps], isStopped })
    stop = new AbortController()
    messages = [...messages, { role: 'user', content: 'Hi' }]
    const models = createModels({ environment: addressOf(family, server.root) })
    const agent = defineAgent({
      name: 'tester',
      systemPrompt: 'Be short.',
      model: modelOf(family),
      tools: [look],
      retry: { retries: 0 },
      maxSteps: 5,
    })
    const turn = run(agent, messages, { models, signal: stop.signal })
    const result = await turn.catch((error: unknown) => {
      if (error instanceof LoomError && error.result !== undefined) return error.result
      throw error
    })
    messages = [...messages, ...result.messages.slice(messages.length)]
  }
  return refused
}

describe('a history', () => {
  test.each(Object.keys(families))('a history of %s goes back unchanged', async (family) => {
    const call = { id: 'aB3dE5gH7', name: 'look', input: '{}' }
    const steps = [
      { thought: 'Let me look.', text: '', call },
      { thought: undefined, text: '', call: { ...call, id: 'aB3dE5gH8' } },
      { thought: 'Seen.', text: 'Here.', call: undefined },
    ]
    const turn = { family, steps, isStopped: false }
    expect(await refusals([turn, turn], { mends: false })).toEqual([])
  })

  test('a history names no item of a stopped response', async () => {
    const providerMetadata = { openai: { itemId: 'msg_1' } }
    const requestsAfter = (outcome: string) =>
      modelMessagesOf([
        {
          id: 'a',
          role: 'assistant',
          metadata: { outcome },
          parts: [{ type: 'step-start' }, { type: 'text', text: 'word', providerMetadata }],
        },
      ])
    expect(JSON.stringify(await requestsAfter('aborted'))).not.toContain('msg_1')
    expect(JSON.stringify(await requestsAfter('finished'))).toContain('msg_1')
  })

  test('a history of any family is accepted by each family', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(turn, { minLength: 1, maxLength: 3 }), async (turns) => {
        expect(await refusals(turns)).toEqual([])
      }),
      { numRuns: 40, interruptAfterTimeLimit: 40_000, markInterruptAsFailure: false },
    )
  }, 180_000)
})
