/** A session in code refuses the same values as the session routes, for programs without types. */
import { afterAll, describe, expect, it } from 'vitest'

import type { AgentSession } from '../../src/agent-session.ts'
import { defineAgent, Loom } from '../../src/index.ts'
import { scriptedModel } from '../../src/testing/scripted-model.ts'
import { clientTool } from './scripts.ts'

const asks = { toolCalls: [{ toolName: clientTool.name, input: { question: 'Name?' } }] }
const agent = defineAgent({
  name: 'tutor',
  systemPrompt: 'Ask.',
  tools: [clientTool],
  model: scriptedModel([asks, 'Thank you.']),
})
const loom = new Loom({ agents: [agent] })
afterAll(() => loom.close())

/** The value of a program without types. */
const untyped = (value: unknown) => Object(value).valueOf()

async function waiting(): Promise<AgentSession> {
  const session = loom.startAgent('tutor', 'kept')
  if ((await session.info()) === undefined) await session.call('Go.')
  return session
}

describe('a session in code refuses', () => {
  const wrong: Record<string, (session: AgentSession) => Promise<unknown>> = {
    'an empty message': (session) => session.call(''),
    'an empty edit': (session) => session.edit('any', ''),
    'an unknown whenBusy': (session) => session.call('Hi.', untyped({ whenBusy: 'explode' })),
    'a decision that is no flag': (session) => session.approve('any', untyped('no')),
    'an answer without an output': (session) => session.answer([untyped({ toolCallId: 'any' })]),
    'an answer of two kinds': (session) =>
      session.answer([untyped({ toolCallId: 'any', output: 1, errorText: 'No.' })]),
    'an answer without a call': (session) => session.answer([untyped({ output: 1 })]),
    'an unknown effect of a stop': (session) => session.stop(untyped({ queue: 'drop' })),
    'an unknown word for a stop': (session) => session.stop(untyped('drop')),
    'a branch that is no whole number': (session) => session.fork({ branch: 1.5 }),
    'a message id that is no text': (session) => session.fork({ messageId: untyped(5) }),
    'a limit below 1': () => loom.listSessions({ limit: -1 }),
    'a page that is no number': () => loom.listSessions({ before: untyped('x') }),
  }

  it.each(Object.entries(wrong))('%s', async (_, act) => {
    const session = await waiting()
    const before = await session.messages()
    await expect(act(session)).rejects.toMatchObject({ code: 'invalid-request' })
    expect(await session.messages()).toEqual(before)
    expect(await session.info()).toMatchObject({ state: 'waiting', queued: 0 })
  })
})
