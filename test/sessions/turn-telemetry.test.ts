/** The telemetry of turns: their start, their end, and their takeovers. */
import { randomUUID } from 'node:crypto'

import { describe, expect, it } from 'vitest'

import { agentTool } from '../../src/agent-tool.ts'
import { defineAgent } from '../../src/agent.ts'
import { Loom } from '../../src/loom.ts'
import { createModels } from '../../src/model/resolve.ts'
import { openMemoryStore } from '../../src/store/memory.ts'
import type { NamedTool } from '../../src/tool.ts'
import { answers } from '../model-failures.ts'
import { noteEvents, turnEvents } from '../noted-events.ts'
import { until } from '../redis/until.ts'
import { calls, hangs, says, type Script, scriptedModel, words } from '../scripted-model.ts'
import { Gate, saysWhen } from './scripts.ts'
import { openWorld } from './world.ts'

const models = createModels({ environment: {} })

describe('the events of turns', () => {
  const store = openMemoryStore()
  // One store for all instances. It outlives each of them.
  const shared = async () => ({ ...store, close: async () => {} })

  it('a turn reports its start, its end and its instance', async () => {
    const { noted } = noteEvents(turnEvents)
    await using world = openWorld(shared)
    const model = scriptedModel(says('One.'), answers(400))
    const here = await world.instance({ model })
    const id = randomUUID()
    const first = await here.session(id).call('Go.')
    await expect(here.session(id).call('Fail.')).rejects.toThrow('400')
    await until(8000, 'the end of both turns', () => noted.length === 4)
    const labels = {
      agent: 'tester',
      sessionId: id,
      messageId: first.message?.id,
      rootSessionId: id,
      instance: expect.any(String),
    }
    expect(noted.slice(0, 2)).toEqual([
      {
        event: 'turn:start',
        measurements: { waitMs: expect.any(Number) },
        metadata: labels,
      },
      {
        event: 'turn:stop',
        measurements: { durationMs: expect.any(Number) },
        metadata: { reason: 'finished', ...labels },
      },
    ])
    expect(noted[3]?.metadata).toMatchObject({
      reason: 'error',
      error: expect.stringContaining('400'),
    })
  })

  it.each([
    ['keep', 'stop'],
    ['discard', 'discard'],
  ] as const)('a turn that is stopped (%s) reports it', async (how, reason) => {
    const { of } = noteEvents(turnEvents)
    await using world = openWorld(shared)
    const gate = new Gate('the first words')
    const model = scriptedModel(saysWhen(gate, 'Half', ' lost'), says('Whole.'))
    const here = await world.instance({ model })
    const session = here.session(randomUUID())
    await session.cast('Go.')
    await gate.reached()
    if (how === 'keep') await session.stop()
    else await session.call('Again.', { whenBusy: 'rollback' })
    await until(8000, 'the end of the turn', () => of('turn:stop').length > 0)
    expect(of('turn:stop')[0]?.metadata['reason']).toBe(reason)
  })

  it('a takeover after a death reports both owners', async () => {
    const { noted, of } = noteEvents(turnEvents)
    await using world = openWorld(shared)
    const here = await world.instance({ model: scriptedModel(hangs(words('Half'))) })
    const there = await world.instance({ model: scriptedModel(says('Whole.')) })
    const id = randomUUID()
    await here.session(id).cast('Go.')
    await until(8000, 'the first turn', () => of('turn:start').length === 1)
    here.freeze()
    await until(8000, 'the answer', () => of('turn:stop', { reason: 'finished' }).length === 1)
    const [start] = of('turn:start')
    const [takeover] = of('turn:takeover')
    expect(takeover).toMatchObject({
      measurements: { deaths: 1, silentMs: expect.any(Number) },
      metadata: {
        reason: 'death',
        from: start?.metadata['instance'],
        sessionId: id,
        messageId: start?.metadata['messageId'],
      },
    })
    expect(takeover?.metadata['instance']).not.toBe(start?.metadata['instance'])
    const begins = noted.map(({ event }) => event).filter((event) => event !== 'turn:stop')
    expect(begins).toEqual(['turn:start', 'turn:takeover', 'turn:start'])
    expect(there.reported).toEqual([])
    here.thaw()
    await until(8000, 'the end of the stale owner', () => of('turn:stop').length === 2)
    expect(of('turn:stop', { reason: 'lost' })[0]?.metadata['instance']).toBe(
      start?.metadata['instance'],
    )
  })

  it('a task has its parent and its root in every event', async () => {
    const { noted, of } = noteEvents()
    const agentAbove = (below: NamedTool[], call: string | undefined, name: string) => {
      const model = scriptedModel(
        ...(call === undefined ? [] : [calls([call, { prompt: 'Go on.' }])]),
        says('Done.'),
      )
      return defineAgent({ name, systemPrompt: 'Go.', model, tools: below })
    }
    const low = agentAbove([], undefined, 'low')
    const middle = agentAbove([agentTool(low)], 'low', 'middle')
    const top = agentAbove([agentTool(middle)], 'middle', 'top')
    await using loom = new Loom({ agents: [top], models, store: await shared() })
    const id = randomUUID()
    await loom.startAgent('top', id, { principal: 'ada' }).call('Go.')
    await until(8000, 'the end of all turns', () => of('turn:stop').length === 3)
    const sessionOf = (agent: string) => of('agent:start', { agent })[0]?.metadata['sessionId']
    expect(sessionOf('top')).toBe(id)
    const parents = { top: undefined, middle: id, low: sessionOf('middle') }
    for (const { metadata } of noted) {
      const { agent, sessionId, rootSessionId, parentSessionId, principal } = metadata
      const [name, parent] =
        Object.entries(parents).find(([each]) => sessionOf(each) === sessionId) ?? []
      expect({ agent, rootSessionId, parentSessionId, principal }).toEqual({
        agent: name,
        rootSessionId: id,
        parentSessionId: parent,
        principal: 'ada',
      })
    }
  })

  it('a hand-over reports both owners', async () => {
    const { of } = noteEvents(turnEvents)
    const instanceOf = async (script: Script) => {
      const model = scriptedModel(script)
      const agent = defineAgent({ name: 'tester', systemPrompt: 'Go.', model })
      // A short heartbeat could expire on a busy machine, and then the takeover would be one after a death.
      const loom = new Loom({ agents: [agent], models, store: await shared(), heartbeatMs: 60_000 })
      await loom.sessions.start()
      return loom
    }
    await using here = await instanceOf(hangs(words('Half')))
    await using there = await instanceOf(says('Whole.'))
    const id = randomUUID()
    await here.startAgent('tester', id).cast('Go.')
    await until(8000, 'the first turn', () => of('turn:start').length === 1)
    await here.sessions.drain()
    await until(8000, 'the end of the turn', () => of('turn:stop').length === 2)
    const owner = of('turn:start')[0]?.metadata['instance']
    expect(of('turn:stop').map(({ metadata }) => metadata['reason'])).toEqual([
      'hand-over',
      'finished',
    ])
    expect(of('turn:takeover')).toMatchObject([
      {
        measurements: { deaths: 0, silentMs: expect.any(Number) },
        metadata: { reason: 'hand-over', from: owner },
      },
    ])
    const roles = (await there.startAgent('tester', id).messages()).map(({ role }) => role)
    expect(roles).toEqual(['user', 'assistant'])
  })
})
