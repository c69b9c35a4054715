import { describe, expect, it } from 'vitest'
/** `step` in the context of a tool: names, results, limits, and the clients that never see it. */
import { z } from 'zod'

import { errorMessage } from '../src/ground/error.ts'
import {
  defineAgent,
  defineTool,
  Loom,
  run,
  sessionRoutes,
  type ToolContext,
} from '../src/index.ts'
import { calls, says, scriptedModel } from './scripted-model.ts'

const agentWith = (execute: (input: unknown, context: ToolContext) => Promise<unknown>) =>
  defineAgent({
    name: 'tester',
    systemPrompt: 'Be brief.',
    model: scriptedModel(calls(['work', {}]), says('Done.')),
    tools: [
      defineTool({
        name: 'work',
        description: 'Works.',
        inputSchema: z.looseObject({}),
        retry: 'steps',
        execute,
      }),
    ],
  })

/** Returns the result of a tool that has this body. */
async function resultOf(body: (step: ToolContext['step']) => Promise<unknown>): Promise<unknown> {
  let result: unknown
  await run(
    agentWith(async (_, { step }) => {
      result = await body(step).catch((error: unknown) => `failed: ${errorMessage(error)}`)
      return 'worked'
    }),
    'Go.',
  )
  return result
}

describe('a step', () => {
  it('returns the JSON form of its result, or undefined', async () => {
    const at = new Date(0)
    const results = await resultOf(async (step) => [
      await step('date', () => ({ at })),
      await step('none', () => undefined),
      await step('later', async () => 3),
    ])
    expect(results).toEqual([{ at: at.toISOString() }, undefined, 3])
  })

  it('has a key of its own', async () => {
    const keys = await resultOf(async (step) => [
      await step('a', ({ key }) => key),
      await step('b', ({ key }) => key),
    ])
    expect(keys).toEqual([expect.stringMatching(/:[^:]+:a$/), expect.stringMatching(/:[^:]+:b$/)])
  })

  it('refuses the name of another step of the call', async () => {
    const twice = await resultOf(async (step) => {
      await step('mail', () => 1)
      await step('mail', () => 2)
    })
    expect(twice).toContain('The step "mail" was begun already in this call.')
  })

  it('runs again after it has failed', async () => {
    let attempts = 0
    const result = await resultOf(async (step) => {
      const work = () => {
        if (attempts++ === 0) throw new Error('not yet')
        return 'now'
      }
      await step('work', work).catch(() => undefined)
      return step('work', work)
    })
    expect(result).toBe('now')
  })

  it('refuses a result that is not JSON', async () => {
    const cyclic: Record<string, unknown> = {}
    cyclic['self'] = cyclic
    expect(await resultOf((step) => step('odd', () => cyclic))).toMatch(
      /^failed: The result of the step "odd" cannot be stored: .+ Return JSON, or undefined\.$/,
    )
    expect(await resultOf((step) => step('odd', () => 1n))).toContain('cannot be stored: not JSON')
  })

  it.each(['', 'x'.repeat(101)])('refuses a name of a wrong length (%#)', async (name) => {
    expect(await resultOf((step) => step(name, () => 1))).toContain('text of 1 to 100 characters')
  })

  it('has at most 999 others in its call', async () => {
    const result = await resultOf(async (step) => {
      for (let index = 0; index < 1001; index++) await step(`${index}`, () => index)
    })
    expect(result).toContain('at most 1000 steps')
  })

  it('is refused after the end of its call', async () => {
    let kept: ToolContext['step'] | undefined
    await resultOf(async (step) => (kept = step))
    await expect(kept?.('late', () => 1)).rejects.toMatchObject({
      code: 'invalid-request',
      message: 'The call is over, so the step "late" has no effect. Await each step.',
    })
  })
})

describe('the record of a step', () => {
  const readers = [
    ...['', '?profile=v5', '?profile=v6', '?profile=v7'].map((query) => ({ query, accept: '*/*' })),
    { query: '?protocol=text', accept: '*/*' },
    { query: '?protocol=data', accept: '*/*' },
    { query: '', accept: 'application/json' },
  ]

  it.each(readers)('reaches no client ($query $accept)', async ({ query, accept }) => {
    const agent = agentWith(async (_, { step }) => step('secret step', () => 'secret result'))
    const loom = new Loom({ agents: [agent] })
    const app = sessionRoutes(loom)
    const response = await app.request(`/chat${query}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept },
      body: JSON.stringify({ id: 'one', message: 'Go.' }),
    })
    const text = await response.text()
    expect(response.status, text).toBe(200)
    expect(text).toContain('Done.')
    const stored = await (await app.request('/chat/one/messages')).text()
    for (const each of [text, stored]) expect(each).not.toMatch(/secret step|tool-step/)
    await loom.close()
  })

  it('reaches no caller in the same process', async () => {
    const agent = agentWith(async (_, { step }) => step('secret step', () => 1))
    await using loom = new Loom({ agents: [agent] })
    const types: string[] = []
    for await (const { type } of await loom.startAgent('tester').send('Go.')) types.push(type)
    expect(types).toContain('tool-output-available')
    expect(types).not.toContain('tool-step')
  })
})
