/** The continuation of a turn after the end of its owner, on any store. */
import { randomUUID } from 'node:crypto'

import { expect, it } from 'vitest'
import { z } from 'zod'

import { agentTool } from '../../src/agent-tool.ts'
import { defineAgent } from '../../src/agent.ts'
import type { Store } from '../../src/store.ts'
import type { NamedTool, RetryClass } from '../../src/tool.ts'
import { busyness } from '../machine.ts'
import { until } from '../redis/until.ts'
import { calls, hangs, says, scriptedModel, words } from '../scripted-model.ts'
import { Gate, gatedTool, saysWhen } from './scripts.ts'
import {
  historyOf,
  openWorld,
  post,
  read,
  type TestInstance,
  textOf,
  untilState,
  watch,
} from './world.ts'

export function faultSuite(openStore: () => Promise<Store>): void {
  it('a partial reply continues if a reader lacks resets', async () => {
    await using world = openWorld(openStore)
    const gate = new Gate('the first words')
    const model = scriptedModel(says(' whole.'))
    const here = await world.instance({ model: scriptedModel(saysWhen(gate, 'Half', ' lost')) })
    const there = await world.instance({ model })
    const id = randomUUID()
    await here.session(id).cast('Go.')
    await gate.reached()
    const following = watch(there, id)
    await untilText(there, id)
    here.freeze()
    const { message } = await following
    await untilState(there, id, 'idle')
    expect(message.parts.map(({ type, text, state }) => [type, text, state])).toEqual([
      ['step-start', undefined, undefined],
      ['text', 'Half', 'done'],
      ['step-start', undefined, undefined],
      ['text', ' whole.', 'done'],
    ])
    expect((await there.sessions.messages(id)).at(-1)).toEqual(message)
    expect(JSON.stringify(model.asked[0]?.prompt)).toContain('cut off')
  })

  it('a partial reply is withdrawn if readers support resets', async () => {
    await using world = openWorld(openStore)
    const gate = new Gate('the first words')
    const here = await world.instance({ model: scriptedModel(saysWhen(gate, 'Half', ' lost')) })
    const there = await world.instance({ model: scriptedModel(says('Whole.')) })
    const id = randomUUID()
    await here.session(id).cast('Go.')
    await gate.reached()
    const session = await there.sessions.session(id)
    await there.store.noteReader(id, session?.turn?.logId ?? '', 'v7')
    const following = watch(there, id)
    await untilText(there, id)
    here.freeze()
    const { message, events } = await following
    await untilState(there, id, 'idle')
    expect(events.map(({ event }) => event.type)).toContain('reset-step')
    expect(textOf(message)).toBe('Whole.')
    expect((await there.sessions.messages(id)).at(-1)).toEqual(message)
  })

  it('a stale owner writes nothing', async () => {
    await using world = openWorld(openStore)
    const gate = new Gate('the first words')
    const here = await world.instance({ model: scriptedModel(saysWhen(gate, 'Half', ' ZOMBIE')) })
    const there = await world.instance({ model: scriptedModel(says(' whole.')) })
    const id = randomUUID()
    await here.session(id).cast('Go.')
    await gate.reached()
    await untilText(there, id)
    here.freeze()
    gate.open()
    const { message } = await watch(there, id)
    await untilState(there, id, 'idle')
    here.thaw()
    await here.sessions.idle(AbortSignal.timeout(30_000))
    const place = { logId: message.id, after: undefined, skip: 0 }
    expect((await read(here, id, place)).message).toEqual(message)
    expect(await historyOf(here, id)).toEqual([
      ['user', 'Go.'],
      ['assistant', 'Half whole.'],
    ])
  })

  it('a lost claim aborts the model call', async () => {
    await using world = openWorld(openStore)
    const gate = new Gate('the first words')
    const here = await world.instance({ model: scriptedModel(saysWhen(gate, 'Half', ' lost')) })
    const there = await world.instance({ model: scriptedModel(says(' whole.')) })
    const id = randomUUID()
    await here.session(id).cast('Go.')
    await gate.reached()
    here.freeze()
    await until(5000, 'another owns it', async () => {
      return (await there.sessions.session(id))?.turn?.owner === there.sessions.instanceId
    })
    here.thaw()
    await until(2000, 'the model call is aborted', () => gate.wasAborted)
    await untilState(there, id, 'idle')
  })

  it('the data parts of a call that runs again replace those of the first run', async () => {
    await using world = openWorld(openStore)
    const gate = new Gate('the tool')
    const here = await world.instance({
      model: scriptedModel(calls(['work', {}])),
      tools: [writingTool('first', gate)],
    })
    const model = scriptedModel(says('Done.'))
    const there = await world.instance({ model, tools: [writingTool('second')] })
    const id = randomUUID()
    await here.session(id).cast('Go.')
    await gate.reached()
    const following = watch(there, id)
    await until(5000, 'the data parts are in the log', async () => {
      const logId = (await there.sessions.session(id))?.turn?.logId ?? ''
      const { parts } = await there.sessions.partialAnswer(id, logId)
      return parts.some(({ type }) => type === 'data-own')
    })
    here.freeze()
    const { message, events } = await following
    await untilState(there, id, 'idle')
    expect(message.parts.filter(({ type }) => type.startsWith('data-'))).toEqual([
      { type: 'data-row', id: 'call-0-1', data: 'second' },
      { type: 'data-own', id: 'own', data: 'second' },
    ])
    expect((await there.sessions.messages(id)).at(-1)).toEqual(message)
    expect(events.filter(({ event }) => event.type === 'data-note')).toHaveLength(2)
    expect(JSON.stringify(model.asked)).not.toContain('data-')
  })

  const outcomes: [RetryClass, runsAgain: boolean][] = [
    ['safe', true],
    ['keyed', true],
    ['steps', true],
    ['never', false],
  ]
  for (const [retry, runsAgain] of outcomes) {
    it(`a "${retry}" tool ${runsAgain ? 'runs' : 'does not run'} again after its owner died`, async () => {
      await using world = openWorld(openStore)
      const gate = new Gate('the tool')
      const open = new Gate('the tool again')
      open.open()
      const [before, after]: [string[], string[]] = [[], []]
      const here = await world.instance({
        model: scriptedModel(calls(['work', {}])),
        tools: [gatedTool(gate, before, { retry })],
      })
      const model = scriptedModel(says('Done.'))
      const there = await world.instance({ model, tools: [gatedTool(open, after, { retry })] })
      const id = randomUUID()
      await here.session(id).cast('Go.')
      await gate.reached()
      here.freeze()
      const { message } = await watch(there, id)
      await untilState(there, id, 'idle')
      expect(before).toHaveLength(1)
      expect(after).toEqual(runsAgain ? before : [])
      const part = message.parts.find(({ type }) => type === 'tool-work')
      if (runsAgain) expect(part).toMatchObject({ state: 'output-available', output: 'worked' })
      else expect(part).toMatchObject({ state: 'output-error', errorText: /unknown/ })
      expect(JSON.stringify(model.asked[0]?.prompt.at(-1))).toMatch(
        runsAgain ? /worked/ : /unknown/,
      )
      expect((await there.sessions.messages(id)).at(-1)).toEqual(message)
    })
  }

  for (const [retry, runsAgain] of outcomes) {
    it(`an approved "${retry}" call ${runsAgain ? 'runs' : 'does not run'} again after its owner died`, async () => {
      await using world = openWorld(openStore)
      const gate = new Gate('the tool')
      const open = new Gate('the tool again')
      open.open()
      const [before, after]: [string[], string[]] = [[], []]
      const more = { retry, needsApproval: true }
      const here = await world.instance({
        model: scriptedModel(calls(['work', { n: 1 }], ['work', { n: 2 }])),
        tools: [gatedTool(gate, before, more)],
      })
      const model = scriptedModel(says('Done.'))
      const there = await world.instance({ model, tools: [gatedTool(open, after, more)] })
      const id = randomUUID()
      const asked = await here.session(id).call('Go.')
      // The first call is approved, the second is not.
      const parts = asked.message.parts.map((part) => {
        const { approval, input } = { approval: {}, input: {}, ...part }
        const approved = JSON.stringify(input) === '{"n":1}'
        if (part.type !== 'tool-work') return part
        return { ...part, state: 'approval-responded', approval: { ...approval, approved } }
      })
      await post(here, id, { last: { ...asked.message, parts } })
      await gate.reached()
      here.freeze()
      const { message } = await watch(there, id)
      await untilState(there, id, 'idle')
      expect(before).toHaveLength(1)
      expect(after).toEqual(runsAgain ? before : [])
      const [approved, denied] = message.parts.filter(({ type }) => type === 'tool-work')
      if (runsAgain) expect(approved).toMatchObject({ output: 'worked' })
      else expect(approved).toMatchObject({ state: 'output-error', errorText: /unknown/ })
      expect(denied).toMatchObject({ state: 'output-denied' })
      expect(textOf(message)).toBe('Done.')
      const told = JSON.stringify(model.asked[0]?.prompt.slice(-2))
      expect(told).toMatch(runsAgain ? /worked/ : /unknown/)
      expect(told).toMatch(/execution-denied/)
      expect((await there.sessions.messages(id)).at(-1)).toEqual(message)
    })
  }

  it('finished steps of an approved call outlive two owners', async () => {
    await using world = openWorld(openStore)
    const id = randomUUID()
    const done: string[] = []
    const stepped = (held: Gate, place: string): NamedTool =>
      gatedTool(held, [], {
        retry: 'steps',
        needsApproval: true,
        async execute(_, { step, signal }) {
          const results: string[] = []
          for (const name of ['a', 'b', 'c']) {
            results.push(
              await step(name, async () => {
                if (name === place) await held.pass(signal)
                done.push(`${name} before ${place}`)
                return name
              }),
            )
          }
          return results.join('')
        },
      })
    const owner = async (place: string, ...scripts: Parameters<typeof scriptedModel>) => {
      const gate = new Gate(`step ${place}`)
      const tools = [stepped(gate, place)]
      return { gate, instance: await world.instance({ model: scriptedModel(...scripts), tools }) }
    }
    const first = await owner('b', calls(['work', {}]))
    const asked = await first.instance.session(id).call('Go.')
    const parts = asked.message.parts.map((part) => {
      if (part.type !== 'tool-work') return part
      const { approval } = { approval: {}, ...part }
      return { ...part, state: 'approval-responded', approval: { ...approval, approved: true } }
    })
    await post(first.instance, id, { last: { ...asked.message, parts } })
    await first.gate.reached()
    first.instance.freeze()
    const second = await owner('c')
    await second.gate.reached()
    second.instance.freeze()
    const third = await owner('end', says('Done.'))
    await untilState(third.instance, id, 'idle')
    expect(done).toEqual(['a before b', 'b before c', 'c before end'])
    const answer = (await third.instance.sessions.messages(id)).at(-1)
    expect(answer?.parts.find(({ type }) => type === 'tool-work')).toMatchObject({ output: 'abc' })
  })

  it('a turn that kills its owners is given up', async () => {
    await using world = openWorld(openStore)
    const id = randomUUID()
    const dying = Array.from({ length: 3 }, (_, index) => new Gate(`owner ${index}`))
    for (const [index, gate] of dying.entries()) {
      const text = `${index}`
      const owner = await world.instance({ model: scriptedModel(saysWhen(gate, text, '')) })
      if (index === 0) {
        await owner.session(id).cast('Kill.')
        await owner.session(id).cast('And this?')
      }
      await gate.reached()
      await untilText(owner, id, text)
      owner.freeze()
    }
    const last = await world.instance({ model: scriptedModel(says('Fine.')) })
    await untilState(last, id, 'idle')
    expect((await historyOf(last, id)).map(([, text]) => text)).toEqual([
      'Kill.',
      '012',
      'And this?',
      'Fine.',
    ])
    const [, given, , answered] = await last.sessions.messages(id)
    expect(given?.metadata).toMatchObject({ outcome: 'error' })
    expect(answered?.metadata).toMatchObject({ outcome: 'finished' })
  })

  it('owners that were only late do not count', async () => {
    await using world = openWorld(openStore)
    const id = randomUUID()
    const other = defineAgent({ name: 'other', systemPrompt: 'Be brief.' })
    let late: TestInstance | undefined
    for (let index = 0; index < 5; index++) {
      const gate = new Gate(`owner ${index}`)
      const owner = await world.instance({ model: scriptedModel(saysWhen(gate, `${index}`, '')) })
      if (index === 0) await owner.session(id).cast('Go slowly.')
      await gate.reached()
      await untilText(owner, id, `${index}`)
      // It beats again, and must not take the turn back.
      late?.loom.replaceAgents([other])
      late?.thaw()
      owner.freeze()
      late = owner
    }
    const last = await world.instance({ model: scriptedModel(says('There.')) })
    await untilState(last, id, 'idle')
    expect((await historyOf(last, id)).at(-1)).toEqual(['assistant', '01234There.'])
  })

  it('takeovers after a finished step do not count', async () => {
    await using world = openWorld(openStore)
    const id = randomUUID()
    for (let index = 0; index < 4; index++) {
      const gate = new Gate(`owner ${index}`)
      const done = new Gate('the tool')
      done.open()
      const owner = await world.instance({
        model: scriptedModel(calls(['work', {}]), saysWhen(gate, `${index}`, '')),
        tools: [gatedTool(done, [])],
      })
      if (index === 0) await owner.session(id).cast('Go far.')
      await gate.reached()
      await untilText(owner, id, `${index}`)
      owner.freeze()
    }
    const last = await world.instance({ model: scriptedModel(says('There.')) })
    await untilState(last, id, 'idle')
    expect((await historyOf(last, id)).at(-1)).toEqual(['assistant', '0123There.'])
  })

  it('a turn does not count deaths while it waits for its task, which goes on', async () => {
    await using world = openWorld(openStore)
    const id = randomUUID()
    const done = new Gate('the tool')
    done.open()
    const ownerWith = (
      model: ReturnType<typeof scriptedModel>,
      ...answers: Parameters<typeof scriptedModel>
    ) => {
      const tools = [gatedTool(done, [])]
      const helper = defineAgent({ name: 'helper', systemPrompt: 'Help.', model, tools })
      return world.instance({ model: scriptedModel(...answers), tools: [agentTool(helper)] })
    }
    for (let index = 0; index < 4; index++) {
      const gate = new Gate(`owner ${index}`)
      const owner = await ownerWith(
        scriptedModel(calls(['work', {}]), saysWhen(gate, `${index}`, '')),
        calls(['helper', { prompt: 'Go far.' }]),
      )
      if (index === 0) await owner.session(id).cast('Go.')
      await gate.reached()
      const [task] = await owner.session(id).tasks()
      await untilText(owner, task?.id ?? '', `${index}`)
      owner.freeze()
    }
    const last = await ownerWith(scriptedModel(says('There.')), says('Done.'))
    await untilState(last, id, 'idle')
    expect((await historyOf(last, id)).at(-1)).toEqual(['assistant', 'Done.'])
    const [task] = await last.session(id).tasks()
    expect(task).toMatchObject({ state: 'finished' })
    expect((await historyOf(last, task?.id ?? '')).at(-1)).toEqual(['assistant', '0123There.'])
  })

  it('queued letters are answered after a takeover', async () => {
    await using world = openWorld(openStore)
    const gate = new Gate('the first words')
    const here = await world.instance({ model: scriptedModel(saysWhen(gate, 'A', '')) })
    const there = await world.instance({ model: scriptedModel(says('.'), says('B'), says('C')) })
    const session = here.session(randomUUID())
    for (const text of ['a', 'b', 'c']) await session.cast(text)
    await gate.reached()
    await untilText(there, session.id)
    here.freeze()
    await untilState(there, session.id, 'idle')
    expect((await historyOf(there, session.id)).map(([, text]) => text)).toEqual([
      'a',
      'A.',
      'b',
      'B',
      'c',
      'C',
    ])
  })

  it('a stop has effect although the owner died', async () => {
    await using world = openWorld(openStore)
    const gate = new Gate('the first words')
    const here = await world.instance({ model: scriptedModel(saysWhen(gate, 'Half', '')) })
    const model = scriptedModel(says('Not to be said.'))
    const there = await world.instance({ model })
    const id = randomUUID()
    await here.session(id).cast('Go.')
    await gate.reached()
    await untilText(there, id)
    here.freeze()
    expect(await there.session(id).stop()).toBe(true)
    await untilState(there, id, 'idle')
    expect(model.asked).toHaveLength(0)
    expect((await historyOf(there, id)).at(-1)).toEqual(['assistant', 'Half'])
  })

  it('a hand-over takes 0.3 s and counts no death', async () => {
    await using world = openWorld(openStore)
    const here = await world.instance({ model: scriptedModel(hangs(words('Half'))) })
    const next = new Gate('the next owner')
    const model = scriptedModel(saysWhen(next, ' whole', '.'))
    const there = await world.instance({ model })
    const id = randomUUID()
    await here.session(id).cast('Go.')
    await untilText(there, id)
    const [near, far] = [watch(here, id), watch(there, id)]
    const began = performance.now()
    const drained = here.sessions.drain()
    await next.reached()
    expect(performance.now() - began).toBeLessThan(300 * busyness())
    await drained
    next.open()
    const { message } = await far
    expect(textOf(message)).toBe('Half whole.')
    // The leaving instance serves its readers to the end.
    expect((await near).message).toEqual(message)
    await expect(here.session(id).cast('More.')).rejects.toMatchObject({ code: 'unavailable' })
  })
}

/** Waits until the log has the first words. */
async function untilText(
  instance: Parameters<typeof watch>[0],
  id: string,
  end = '',
): Promise<void> {
  await until(5000, 'the first words are in the log', async () => {
    const logId = (await instance.sessions.session(id))?.turn?.logId ?? ''
    const text = textOf(await instance.sessions.partialAnswer(id, logId))
    return text !== '' && text.endsWith(end)
  })
}

/** Writes data parts, and then waits at the gate. */
const writingTool = (data: string, gate?: Gate): NamedTool => ({
  name: 'work',
  description: 'Works.',
  inputSchema: z.looseObject({}),
  retry: 'safe',
  async execute(_, { write, signal }) {
    await write({ type: 'data-row', data })
    await write({ type: 'data-note', data, transient: true })
    await write({ type: 'data-own', id: 'own', data })
    await gate?.pass(signal)
    return 'worked'
  },
})
