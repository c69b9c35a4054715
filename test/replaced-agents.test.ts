/** `Loom.replaceAgents`: the turns after it use the new agents, on the same store. */
import { Hono } from 'hono'
import { afterEach, describe, expect, it } from 'vitest'

import { type Agent, defineAgent, Loom, sessionRoutes } from '../src/index.ts'
import { scriptedModel } from '../src/testing/scripted-model.ts'

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

describe('an agent that is replaced', () => {
  it('ends its turn, and the next turn is of the new agent', async () => {
    const go = Promise.withResolvers<string>()
    const loom = loomOf(agentOf('tutor', () => go.promise))
    const session = loom.startAgent('tutor')
    const running = session.call('Begin.')
    await expect.poll(() => loom.sessions.session(session.id)).toMatchObject({ state: 'running' })
    loom.replaceAgents([agentOf('tutor', 'new')])
    const next = session.call('Go on.')
    go.resolve('old')
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
    const go = Promise.withResolvers<string>()
    const tutor = agentOf('tutor', () => go.promise)
    const loom = loomOf(tutor, agentOf('critic'))
    const running = loom.startAgent('tutor', 'shared').call('Begin.')
    await expect.poll(() => loom.sessions.session('shared')).toMatchObject({ state: 'running' })
    const waiting = loom.startAgent('critic', 'shared').call('Judge it.')
    await expect.poll(() => loom.sessions.session('shared')).toMatchObject({ queued: 1 })
    loom.replaceAgents([tutor])
    go.resolve('done')
    expect((await running).text).toBe('done')
    loom.replaceAgents([tutor, agentOf('critic', 'fine')])
    expect((await waiting).text).toBe('fine')
  })
})
