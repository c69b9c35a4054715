import { randomUUID } from 'node:crypto'

import { describe, expect, it } from 'vitest'

import { openMemoryStore } from '../../src/store/memory.ts'
import { within } from '../deadline.ts'
import { calls, says, scriptedModel } from '../scripted-model.ts'
import { clientTool, Gate, gatedTool } from './scripts.ts'
import { openWorld, post, read, readAnswer, textOf, untilState } from './world.ts'

const store = openMemoryStore()
// One store for all instances. It outlives each of them.
const openStore = async () => ({ ...store, close: async () => {} })

describe('the spending of a session', () => {
  it('is limited by its budget over turns and instances', async () => {
    await using world = openWorld(openStore)
    // A reply is 15 tokens.
    const sessionBudget = { maxTokens: 30 }
    const here = await world.instance({
      model: scriptedModel(says('One.'), says('Two.')),
      sessionBudget,
    })
    const there = await world.instance({ model: scriptedModel(says('Never.')), sessionBudget })
    const id = randomUUID()
    expect((await here.session(id).call('1')).text).toBe('One.')
    expect((await here.session(id).call('2')).text).toBe('Two.')
    await expect(there.session(id).call('3')).rejects.toThrow(
      'This session has used 30 tokens, and its budget is 30.',
    )
  })

  it('includes replaced answers', async () => {
    await using world = openWorld(openStore)
    const model = scriptedModel(says('One.'), says('Two.'), says('Never.'))
    const here = await world.instance({ model, sessionBudget: { maxTokens: 30 } })
    const id = randomUUID()
    await here.session(id).call('1')
    const again = async () => {
      const messageId = (await here.sessions.messages(id)).at(-1)?.id
      const posted = await post(here, id, {
        trigger: 'regenerate-message',
        messageId,
        key: randomUUID(),
      })
      return readAnswer(here, id, posted)
    }
    expect(textOf((await again()).message)).toBe('Two.')
    await untilState(here, id, 'idle')
    const { events } = await again()
    expect(events.map(({ event }) => event)).toContainEqual({
      type: 'error',
      errorText: 'This session has used 30 tokens, and its budget is 30.',
      code: 'over-budget',
    })
    expect((await here.sessions.session(id))?.spent).toMatchObject({
      usage: { totalTokens: 30 },
    })
  })

  it('is on the whole message, also after a wait', async () => {
    await using world = openWorld(openStore)
    const tools = [clientTool]
    const model = scriptedModel(calls(['ask', { question: 'Red?' }]), says('Red it is.'))
    const here = await world.instance({ model, tools })
    const id = randomUUID()
    const { message } = await here.session(id).call('Paint.')
    expect(message.metadata).toMatchObject({ usage: { totalTokens: 15 } })
    const parts = message.parts.map((part) =>
      'toolCallId' in part ? { ...part, state: 'output-available', output: 'yes' } : part,
    )
    const answer = await readAnswer(here, id, await post(here, id, { last: { ...message, parts } }))
    expect(textOf(answer.message)).toBe('Red it is.')
    await untilState(here, id, 'idle')
    const stored = (await here.sessions.messages(id)).at(-1)
    expect(stored?.metadata).toMatchObject({
      usage: { totalTokens: 30 },
      stepUsage: [{ usage: { totalTokens: 15 } }, { usage: { totalTokens: 15 } }],
    })
  })

  it('counts once although an owner dies during its tool', async () => {
    await using world = openWorld(openStore)
    const gate = new Gate('the tool')
    const tool = (runs: string[]) => [gatedTool(gate, runs, { retry: 'safe' })]
    const here = await world.instance({
      model: scriptedModel(calls(['work', {}]), says('Never.')),
      tools: tool([]),
    })
    const there = await world.instance({ model: scriptedModel(says('Done.')), tools: tool([]) })
    const id = randomUUID()
    here
      .session(id)
      .call('Work.')
      .catch(() => {})
    await gate.reached()
    const told = Promise.withResolvers<void>()
    const reading = read(there, id, await there.sessions.readers.placeOf(id, undefined), {
      onEvent: ({ type }) => type === 'message-metadata' && told.resolve(),
    })
    await within(8000, 'the cost of the reply', told.promise)
    here.freeze()
    gate.open()
    expect(textOf((await reading).message)).toBe('Done.')
    await untilState(there, id, 'idle')
    // A reply is 15 tokens: one by each owner.
    const usage = { totalTokens: 30 }
    const stored = (await there.sessions.messages(id)).at(-1)
    expect(stored?.metadata).toMatchObject({ usage, stepUsage: [{}, {}] })
    expect((await there.sessions.session(id))?.spent).toMatchObject({ usage })
  })
})
