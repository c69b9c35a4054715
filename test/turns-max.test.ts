/** A program with one place for turns: trees of tasks and answers to calls go on, and timers wait. */
import { expect, it, onTestFinished } from 'vitest'
import { z } from 'zod'

import { agentTool, defineAgent, defineTool, human, Loom } from '../src/index.ts'
import { acceptAnswers } from '../src/session/accept-answer.ts'
import { within } from './deadline.ts'
import { until } from './redis/until.ts'
import { callTool, sayBy } from './tasks/models.ts'

function openLoom() {
  let release = () => {}
  const wait = defineTool({
    name: 'wait',
    description: 'Waits for the test.',
    inputSchema: z.object({}),
    execute: () => new Promise<string>((resolve) => (release = () => resolve('waited'))),
  })
  const worker = defineAgent({
    name: 'worker',
    systemPrompt: 'Work.',
    model: sayBy(({ prompt, results }) => {
      if (results.length > 0) return `heard ${results.map(String).join()}`
      return prompt.startsWith('ask') ? callTool('human', { question: prompt }) : `did ${prompt}`
    }),
    tools: [human()],
  })
  const lead = defineAgent({
    name: 'lead',
    systemPrompt: 'Lead.',
    model: sayBy(({ prompt, results }) => {
      if (prompt.includes('background task')) return 'noted'
      if (results.length > 0) return `done: ${results.map(String).join()}`
      const [name = '', ...inputs] = prompt.split(';')
      if (name === 'hello') return 'hello'
      if (name === 'wait') return callTool('wait', {})
      if (name === 'human') return callTool('human', { question: 'Well?' })
      return inputs.flatMap((input) => callTool(name, { prompt: input }))
    }),
    tools: [
      agentTool(worker),
      agentTool(worker, { name: 'later', background: true }),
      human(),
      wait,
    ],
  })
  const loom = new Loom({ agents: [lead], turnsMax: 1, heartbeatMs: 300 })
  onTestFinished(async () => {
    release()
    await loom.close()
  })
  return {
    loom,
    /** Takes the only place, and returns the function that frees it. */
    fill: async () => {
      await loom.startAgent('lead', 'filler').cast('wait')
      await until(5000, 'the place is taken', () => loom.sessions.turns.running === 1)
      return () => release()
    },
  }
}

const isFull = { code: 'unavailable', status: 503, retryable: true, retryAfterMs: 1000 }

it('a turn with tasks needs only its own place', async () => {
  const { loom } = openLoom()
  const session = loom.startAgent('lead', 'one')
  const { text } = await within(10_000, 'the answer', session.call('worker;a;b;c'))
  expect(text).toBe('done: did a,did b,did c')
})

it('a background task and its result go on, though another turn has the place', async () => {
  const { loom, fill } = openLoom()
  const session = loom.startAgent('lead', 'one')
  await session.call('later;ask me')
  await until(5000, 'the task asks', async () => (await session.tasks())[0]?.state === 'waiting')
  const free = await fill()
  await expect(loom.startAgent('lead', 'two').cast('hello')).rejects.toMatchObject(isFull)
  const [task] = await session.tasks()
  const call = task?.waitsFor?.[0]
  const answer = { type: 'output', toolCallId: call?.toolCallId ?? '', output: 'Yes.' } as const
  const child = await loom.sessions.find('', task?.id ?? '')
  if (child === undefined) throw new Error('the task has no session')
  await acceptAnswers(loom.sessions, child, [answer])
  await until(5000, 'the result', async () => (await session.messages()).length === 4)
  free()
})

it('an answer to a call is accepted, though another turn has the place', async () => {
  const { loom, fill } = openLoom()
  const session = loom.startAgent('lead', 'one')
  const asked = await session.call('human')
  const call = (await session.info())?.waitsFor?.[0]
  await fill()
  expect(asked.state).toBe('waiting')
  const { text } = await (await session.answer(call?.toolCallId ?? '', 'Yes.')).reply()
  expect(text).toBe('done: Yes.')
})

it('a scheduled message waits for the place', async () => {
  const { loom, fill } = openLoom()
  const session = loom.startAgent('lead', 'one')
  await session.call('hello')
  const free = await fill()
  await session.sendAfter(0, 'hello')
  await until(5000, 'the store leases the due session', async () => {
    return (await session.schedules()).length === 1
  })
  expect(await session.messages()).toHaveLength(2)
  free()
  await until(10_000, 'the scheduled answer', async () => (await session.messages()).length === 4)
})

it.each([0, 1.5, -1, Number.NaN])('turnsMax %s is refused', (turnsMax) => {
  const agent = defineAgent({ name: 'tutor', systemPrompt: 'Teach.' })
  expect(() => new Loom({ agents: [agent], turnsMax })).toThrow('turnsMax')
})
