/** `Loom.replaceAgents`: the turns after it use the new agents, on the same store. */
import { Hono } from 'hono'
import { afterEach, describe, expect, it } from 'vitest'

import { type Agent, defineAgent, Loom, sessionRoutes } from '../src/index.ts'
import { scriptedModel } from '../src/testing/scripted-model.ts'
import { within } from './deadline.ts'

const looms: Loom[] = []
afterEach(async () => {
  for (const loom of looms.splice(0)) await loom.close()
})

function loomOf(...agents: Agent[]): Loom {
  const loom = new Loom({ agents, heartbeatMs: 300 })
  looms.push(loom)
  return loom
}

const agentOf = (name: string, ...replies: Parameters<typeof scriptedModel>[0]) =>
  defineAgent({ name, systemPrompt: 'Talk.', model: scriptedModel(replies) })

/** An agent that answers when the test calls `go`. `begun` settles when its model is called. */
function slowTutor() {
  const { promise: begun, resolve: begin } = Promise.withResolvers<void>()
  const { promise: reply, resolve: go } = Promise.withResolvers<string>()
  const tutor = agentOf('tutor', () => {
    begin()
    return reply
  })
  return { tutor, begun, go }
}

describe('an agent that is replaced', () => {
  it('ends its turn, and the next turn is of the new agent', async () => {
    const { tutor, begun, go } = slowTutor()
    const loom = loomOf(tutor)
    const session = loom.startAgent('tutor')
    const running = session.call('Begin.')
    await within(60_000, 'the call of the model', begun)
    loom.replaceAgents([agentOf('tutor', 'new')])
    const next = session.call('Go on.')
    go('old')
    expect((await running).text).toBe('old')
    expect((await next).text).toBe('new')
    expect(await session.messages()).toHaveLength(4)
  })

  it('is missing: its sessions wait for an instance that has it', async () => {
    const loom = loomOf(agentOf('tutor', 'one'), agentOf('critic', 'two'))
    const app = new Hono().route('/api', sessionRoutes(loom))
    const post = (body: object) =>
      app.request('/api/chat', {
        method: 'POST',
        headers: { accept: 'application/json' },
        body: JSON.stringify({ id: 'kept', ...body }),
      })
    expect((await post({ agent: 'critic', message: 'Hi.' })).status).toBe(200)
    loom.replaceAgents([agentOf('tutor', 'three')])
    const refused = await post({ message: 'Hi again.' })
    expect(refused.status).toBe(503)
    expect(await refused.text()).toContain('critic')
    expect((await post({ agent: 'nobody', message: 'Hi.' })).status).toBe(404)
    expect(await (await post({ agent: 'tutor', message: 'And you?' })).text()).toContain('three')
    loom.replaceAgents([])
    expect(loom.agents).toEqual([])
    expect(() => loom.agentOf('tutor')).toThrow('There is no agent.')
  })

  it('comes back: a message in the queue is answered', async () => {
    const { tutor, begun, go } = slowTutor()
    const loom = loomOf(tutor, agentOf('critic'))
    const running = loom.startAgent('tutor', 'shared').call('Begin.')
    await within(60_000, 'the call of the model', begun)
    const waiting = loom.startAgent('critic', 'shared').call('Judge it.')
    await expect.poll(() => loom.sessions.session('shared')).toMatchObject({ queued: 1 })
    loom.replaceAgents([tutor])
    go('done')
    expect((await running).text).toBe('done')
    loom.replaceAgents([tutor, agentOf('critic', 'fine')])
    expect((await waiting).text).toBe('fine')
  })
})

describe('two agents of one name', () => {
  const named = 'Two agents are named "tutor".'

  it('are refused by a new Loom', () => {
    expect(() => loomOf(agentOf('tutor'), agentOf('critic'), agentOf('tutor'))).toThrow(named)
  })

  it('are refused as new agents, and the agents stay', async () => {
    const loom = loomOf(agentOf('tutor', 'old'))
    expect(() => loom.replaceAgents([agentOf('tutor'), agentOf('tutor')])).toThrow(named)
    expect((await loom.startAgent('tutor').call('Begin.')).text).toBe('old')
  })
})
