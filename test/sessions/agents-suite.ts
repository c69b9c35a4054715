/**
 * Instances with different agents on one store, as during a deployment. Each turn runs on an instance
 * with its agent.
 */
import { randomUUID } from 'node:crypto'

import { expect, it } from 'vitest'

import { sessionRoutes } from '../../routes/session.ts'
import type { Store } from '../../src/store.ts'
import { until } from '../redis/until.ts'
import { says, scriptedModel } from '../scripted-model.ts'
import { Gate, saysWhen } from './scripts.ts'
import { openWorld, type TestInstance, textOf, untilState, userMessage } from './world.ts'

export function agentsSuite(openStore: () => Promise<Store>): void {
  it('only an instance with the agent takes a turn over', async () => {
    await using world = openWorld(openStore)
    const gate = new Gate('the first words')
    const owner = await world.instance({
      name: 'new',
      model: scriptedModel(saysWhen(gate, 'Half', ' lost')),
    })
    const model = scriptedModel()
    const without = await world.instance({ name: 'old', model })
    const id = randomUUID()
    await owner.session(id).cast('Go.')
    await untilSaid(owner, id, 'Half')
    owner.freeze()
    await until(5000, 'the instance without the agent passes the session on', async () => {
      const { store, sessions } = without
      await sessions.lookAfter(id)
      const adopted = await store.adoptWaiting('new', 'nobody', 1)
      for (const sessionId of adopted) {
        await store.pass(sessionId, { from: 'nobody', agent: 'new' })
      }
      return adopted.includes(id)
    })
    expect((await without.sessions.session(id))?.state).toBe('running')
    // This instance starts later: a session that waits for an agent stays in the store.
    const successor = await world.instance({ name: 'new', model: scriptedModel(says(' whole.')) })
    await untilState(successor, id, 'idle')
    expect(textOf((await successor.sessions.messages(id)).at(-1) ?? { parts: [] })).toBe(
      'Half whole.',
    )
    expect(model.asked).toHaveLength(0)
    expect(without.reported).toEqual([])
  })

  it('a turn is handed over to an instance with its agent', async () => {
    await using world = openWorld(openStore)
    const gate = new Gate('the first words')
    const owner = await world.instance({
      name: 'new',
      model: scriptedModel(saysWhen(gate, 'Half', ' lost')),
    })
    const model = scriptedModel()
    await world.instance({ name: 'old', model })
    const successor = await world.instance({ name: 'new', model: scriptedModel(says(' whole.')) })
    await world.instance({ name: 'old', model })
    const id = randomUUID()
    await owner.session(id).cast('Go.')
    await untilSaid(owner, id, 'Half')
    await owner.sessions.drain()
    await untilState(successor, id, 'idle')
    expect(textOf((await successor.sessions.messages(id)).at(-1) ?? { parts: [] })).toBe(
      'Half whole.',
    )
    expect(model.asked).toHaveLength(0)
  })

  it('an instance with the agent runs the next queued letter', async () => {
    await using world = openWorld(openStore)
    const gate = new Gate('the first turn')
    const first = scriptedModel(saysWhen(gate, 'First', '.'), says('Third.'))
    const second = scriptedModel(says('Second.'))
    const one = await world.instance({ name: 'one', model: first })
    const two = await world.instance({ name: 'two', model: second })
    const id = randomUUID()
    await one.session(id).cast('a')
    await gate.reached()
    await two.session(id).cast('b')
    await one.session(id).cast('c')
    gate.open()
    await until(8000, 'all three are answered', async () => {
      const { state, queued } = (await one.sessions.session(id)) ?? {}
      return state === 'idle' && queued === 0
    })
    expect((await one.sessions.messages(id)).map(textOf)).toEqual([
      'a',
      'First.',
      'b',
      'Second.',
      'c',
      'Third.',
    ])
    expect([first.asked.length, second.asked.length]).toEqual([2, 1])
  })

  it('a queued letter outlives the only instance with its agent', async () => {
    await using world = openWorld(openStore)
    const gate = new Gate('the first turn')
    const one = await world.instance({
      name: 'one',
      model: scriptedModel(saysWhen(gate, 'First', '.')),
    })
    const two = await world.instance({ name: 'two', model: scriptedModel() })
    const id = randomUUID()
    await one.session(id).cast('a')
    await gate.reached()
    await two.session(id).cast('b')
    two.freeze()
    gate.open()
    await until(5000, 'the first is answered', async () => {
      return (await one.sessions.messages(id)).length >= 3
    })
    const heir = await world.instance({ name: 'two', model: scriptedModel(says('Second.')) })
    await untilState(heir, id, 'idle')
    expect((await heir.sessions.messages(id)).map(textOf)).toEqual(['a', 'First.', 'b', 'Second.'])
  })

  it('a message for an agent of another instance is refused', async () => {
    await using world = openWorld(openStore)
    const one = await world.instance({ name: 'one', model: scriptedModel(says('Hello.')) })
    const two = await world.instance({ name: 'two', model: scriptedModel() })
    const id = randomUUID()
    await one.session(id).call('Hi.')
    const app = sessionRoutes(two.loom)
    const posted = await app.request('/chat', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ id, messages: [userMessage('And?')] }),
    })
    expect(posted.status).toBe(503)
    expect(posted.headers.get('retry-after')).toBe('1')
    expect(await posted.text()).toContain('"one"')
    const agents = await two.sessions.messages(id)
    expect(agents.map(textOf)).toEqual(['Hi.', 'Hello.'])
    expect(await two.sessions.session(id)).toMatchObject({ state: 'idle', queued: 0 })
  })
}

const untilSaid = ({ sessions }: TestInstance, id: string, text: string) =>
  until(5000, `the log says "${text}"`, async () => {
    const logId = (await sessions.session(id))?.turn?.logId ?? ''
    return textOf(await sessions.partialAnswer(id, logId)) === text
  })
