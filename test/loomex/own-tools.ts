/** The callbacks of a tool: one tool has them all, and a run shows the effect of each. */
import { expect } from 'vitest'
import { z } from 'zod'

import { scriptedModel } from '../../src/entries/testing.ts'
import { defineAgent, defineTool, LoomError, run } from '../../src/index.ts'
import { type Checks, context, loomName } from './row.ts'

const multiply = defineTool({
  name: 'multiply',
  description: 'Multiplies two numbers.',
  inputSchema: z.object({ a: z.number().describe('The first factor'), b: z.number() }),
  execute: ({ a, b }, call: { context: { user: string } }) => {
    if (b === 0) throw new Error('Not by zero.')
    return { result: a * b, for: call.context.user }
  },
})

/** Calls the tool once, and returns both model calls. */
async function called(input: unknown) {
  const model = scriptedModel([{ toolCalls: [{ toolName: 'multiply', input }] }, 'Done.'])
  const agent = defineAgent({ name: 'tutor', systemPrompt: 'Teach.', tools: [multiply], model })
  const { text } = await run(agent, 'Multiply.', { context })
  expect(text).toBe('Done.')
  const [first, second] = model.calls
  return { offer: first?.options.tools?.[0], result: second?.toolResults[0] }
}

/** The tool as the model sees it. */
const offered = async () => (await called({ a: 6, b: 7 })).offer

export const ownToolChecks: Checks = {
  '`use LoomEx.Tool`': () => {
    expect(multiply).toMatchObject({ name: 'multiply' })
    expect(() => defineTool({ ...multiply, name: 'no name' })).toThrow(LoomError)
  },
  '`name()`': async (row) => {
    expect(await offered()).toMatchObject({ [loomName(row)]: 'multiply' })
  },
  '`description()`': async (row) => {
    expect(await offered()).toMatchObject({ [loomName(row)]: 'Multiplies two numbers.' })
  },
  '`parameters()`': async (row) => {
    expect(await offered()).toMatchObject({
      [loomName(row)]: {
        type: 'object',
        properties: { a: { type: 'number', description: 'The first factor' } },
        required: ['a', 'b'],
      },
    })
    const { result } = await called({ a: 'six', b: 7 })
    expect(String(result?.output)).toContain('a')
    expect(result?.output).not.toMatchObject({ result: expect.anything() })
  },
  '`execute(args, ctx)`': async () => {
    const { result } = await called({ a: 6, b: 7 })
    expect(result?.output).toMatchObject({ result: 42, for: 'Ada' })
  },
  '`{:ok, result}` of `execute`': async () => {
    const { result } = await called({ a: 2, b: 3 })
    expect(result).toMatchObject({ toolName: 'multiply', output: { result: 6 } })
  },
  '`{:error, reason}` of `execute`': async () => {
    const { result } = await called({ a: 2, b: 0 })
    expect(result?.output).toContain('Not by zero.')
  },
}
