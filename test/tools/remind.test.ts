/** The tool `remind`, as a model calls it in a session. */
import { expect, it } from 'vitest'

import { defineAgent, Loom, openMemoryStore, remind, run } from '../../src/index.ts'
import { until } from '../redis/until.ts'
import { calls, says, scriptedModel } from '../scripted-model.ts'

let wallTime = Date.parse('2026-11-29T12:00:00Z')

const agentOf = (...scripts: Parameters<typeof scriptedModel>) =>
  defineAgent({
    name: 'helper',
    systemPrompt: 'Help.',
    model: scriptedModel(...scripts),
    tools: [remind],
  })

const loomOf = (...scripts: Parameters<typeof scriptedModel>) =>
  new Loom({ agents: [agentOf(...scripts)], store: openMemoryStore({ now: () => wallTime }) })

it('wakes its agent with a message', async () => {
  await using loom = loomOf(
    calls(['remind', { action: 'add', message: 'Look at the build.', afterSeconds: 600 }]),
    says('I will look.'),
    says('The build is green.'),
  )
  const session = loom.startAgent('helper')
  const { message } = await session.call('Look at the build in ten minutes.')
  expect(JSON.stringify(message.parts)).toContain('"due":"2026-11-29T12:10:00.000Z"')
  wallTime += 601_000
  await until(8000, 'the answer', async () => (await session.messages()).length === 4)
  const [, , asked, answer] = await session.messages()
  expect(asked?.parts).toEqual([{ type: 'text', text: 'Look at the build.' }])
  expect(JSON.stringify(answer?.parts)).toContain('The build is green.')
})

it('lists and removes reminders', async () => {
  await using loom = loomOf(
    calls(['remind', { action: 'add', message: 'Plan.', cron: '0 9 * * 1', timeZone: 'UTC' }]),
    calls(['remind', { action: 'list' }]),
    says('Done.'),
    calls(['remind', { action: 'remove', id: 'none' }]),
    says('There is none.'),
  )
  const session = loom.startAgent('helper')
  const { message } = await session.call('Plan each Monday.')
  expect(JSON.stringify(message.parts)).toMatch(/"reminders":\[\{"id":"remind-[0-9a-f]{16}"/)
  expect(await session.schedules()).toMatchObject([{ cron: '0 9 * * 1' }])
  const second = await session.call('Remove none.')
  expect(JSON.stringify(second.message.parts)).toContain('"removed":false')
})

it.each([
  [{ action: 'add' }, 'add needs a message'],
  [{ action: 'add', message: 'Hi' }, 'exactly one of afterSeconds'],
  [{ action: 'add', message: 'Hi', at: 'soon' }, 'ISO 8601'],
  [{ action: 'remove' }, 'needs the id'],
])('tells the model what is wrong with %j', async (input, text) => {
  await using loom = loomOf(calls(['remind', input]), says('Sorry.'))
  const { message } = await loom.startAgent('helper').call('Remind me.')
  expect(JSON.stringify(message.parts)).toContain(text)
})

it('needs a session', async () => {
  const agent = agentOf(calls(['remind', { action: 'list' }]), says('No.'))
  const { messages } = await run(agent, 'List.')
  expect(JSON.stringify(messages)).toContain('need a conversation on a server')
})
