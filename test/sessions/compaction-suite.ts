/** Conversations that exceed the window of their model, on any store. */
import { randomUUID } from 'node:crypto'

import { expect, it } from 'vitest'

import { Loom } from '../../src/loom.ts'
import { createModels } from '../../src/model/resolve.ts'
import { nextPrompt } from '../../src/session/next-prompt.ts'
import type { Store } from '../../src/store.ts'
import { agentOf } from '../recorded-run.ts'
import { until } from '../redis/until.ts'
import { says, scriptedModel } from '../scripted-model.ts'
import { pageOf, readTool, rememberingModel } from './remembering-model.ts'
import { Gate } from './scripts.ts'
import { openWorld, post, readAnswer, untilState, userMessage, watch } from './world.ts'

const window = 8192

/** @param turns of the long conversation, two messages each */
export function compactionSuite(openStore: () => Promise<Store>, turns: number): void {
  it(
    `answers about its first fact after ${turns * 2} messages with outputs of 100 KB`,
    { timeout: 300_000 },
    async () => {
      const model = rememberingModel()
      const agent = agentOf({ model, tools: [readTool], contextWindow: window })
      const store = await openStore()
      const models = createModels({ environment: {} })
      await using loom = new Loom({ agents: [agent], store, models, flushMs: 0, logTtlMs: 1 })
      const session = loom.startAgent()
      await session.call('The code word is periwinkle.')
      for (let page = 1; page < turns - 1; page++) await session.call(`Read page ${page}`)
      const record = await store.session(session.id)
      if (record === undefined) throw new Error('there is no session')
      const next = await nextPrompt(loom, record, { agent, context: undefined })
      const { text } = await session.call('What is the code word?')
      expect(text).toBe('The code word is periwinkle.')
      // The prompt fits into the window by any count: a token has almost always two bytes or more.
      expect(Math.max(...model.lengths)).toBeLessThan(window * 4)
      expect(model.summaries).toBeGreaterThan(0)
      // One summary replaces many turns.
      expect(model.summaries).toBeLessThan(turns / 4)

      const history = await session.messages()
      expect(history).toHaveLength(turns * 2)
      for (const [index, { role, parts }] of history.entries()) {
        expect(role).toBe(index % 2 === 0 ? 'user' : 'assistant')
        const page = Math.floor(index / 2)
        if (role === 'user' || page === 0 || page === turns - 1) continue
        const output = parts.find((part) => 'output' in part)
        expect(output).toMatchObject({ state: 'output-available', output: pageOf(page) })
      }

      // The messages that a turn loads, and the prompt made of them.
      const { summary, messages } = await store.context(session.id)
      expect(summary?.text).toContain('periwinkle')
      expect(messages.length).toBeLessThan(60)
      const prompt = JSON.stringify(next.prompt)
      expect(prompt).toContain('The conversation so far, in summary.')
      expect(prompt).toContain('periwinkle')
      expect(prompt).not.toContain('Read page 1"')
    },
  )

  it('the prompt view shows stubs if no summary exists', async () => {
    await using world = openWorld(openStore)
    // This model makes no summaries.
    const model = scriptedModel(...Array.from({ length: 60 }, () => says('')))
    const answering = rememberingModel()
    const here = await world.instance({
      model: answering,
      compaction: { model },
      tools: [readTool],
      contextWindow: window,
    })
    const id = randomUUID()
    for (let page = 1; page < 60; page++) await here.session(id).call(`Read page ${page}`)
    const record = await here.sessions.session(id)
    if (record === undefined) throw new Error('there is no session')
    const { agent, sessions } = here
    const loom = { models: createModels({ environment: {} }), defaultModel: model, sessions }
    const next = await nextPrompt(loom, record, { agent, context: undefined })
    expect(model.asked.length).toBeGreaterThan(2)
    expect(next).not.toHaveProperty('summaryDue')
    // Not longer than the prompts so far.
    const { length } = JSON.stringify(next.prompt)
    expect(length).toBeLessThan(1.1 * Math.max(...answering.lengths))
  })

  it('a cut removes the summary, and another one follows', async () => {
    await using world = openWorld(openStore)
    const model = rememberingModel()
    const here = await world.instance({ model, tools: [readTool], contextWindow: window })
    const id = randomUUID()
    const session = here.session(id)
    const first = userMessage('The code word is heliotrope.')
    await session.call(first)
    for (let page = 1; page < 80; page++) await session.call(`Read page ${page}`)
    const { store } = here
    expect((await store.context(id)).summary?.text).toContain('heliotrope')
    const last = {
      ...first,
      parts: [{ type: 'text' as const, text: 'The code word is amaranth.' }],
    }
    const edit = await post(here, id, { last, messageId: first.id, key: 'edit' })
    await readAnswer(here, id, edit)
    await untilState(here, id, 'idle')
    expect((await store.context(id)).summary).toBeUndefined()
    expect((await session.call('What is the code word?')).text).toBe('The code word is amaranth.')
  })

  it('a summary is complete although its owner dies', async () => {
    await using world = openWorld(openStore)
    const gate = new Gate('the summary')
    const [dying, living] = [
      rememberingModel({ beforeSummary: (signal) => gate.pass(signal) }),
      rememberingModel(),
    ]
    const here = await world.instance({ model: dying, tools: [readTool], contextWindow: window })
    const there = await world.instance({ model: living, tools: [readTool], contextWindow: window })
    const id = randomUUID()
    await here.session(id).call('The code word is viridian.')
    for (let page = 1; dying.summaries === 0 && page < 200; page++) {
      const answered = here.session(id).call(`Read page ${page}`)
      // The other instance answers while this one is held up.
      answered.catch(() => {})
      await Promise.race([answered, until(8000, 'a summary', () => dying.summaries > 0)])
    }
    await gate.reached()
    const before = await there.sessions.messages(id)
    here.freeze()
    gate.open()
    const { message } = await watch(there, id)
    await untilState(there, id, 'idle')
    here.thaw()
    await here.sessions.idle(AbortSignal.timeout(30_000))
    expect(living.summaries).toBeGreaterThan(0)
    expect(await there.sessions.messages(id)).toEqual([...before, message])
    expect((await there.store.context(id)).summary?.text).toContain('viridian')
    const { text } = await there.session(id).call('What is the code word?')
    expect(text).toBe('The code word is viridian.')
  })
}
