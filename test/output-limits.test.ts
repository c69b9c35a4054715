import { jsonSchema } from 'ai'
import { describe, expect, it } from 'vitest'

import { defineAgent } from '../src/agent.ts'
import { defineTool } from '../src/define-tool.ts'
import { run } from '../src/index.ts'
import { calls, says, scriptedModel } from './scripted-model.ts'

/** The output that the model receives. */
async function read(output: unknown): Promise<string> {
  const tool = defineTool({
    name: 'make',
    description: 'Makes much.',
    inputSchema: jsonSchema<object>({ type: 'object', properties: {} }),
    execute: () => output,
  })
  const agent = defineAgent({
    name: 'maker',
    systemPrompt: 'Make.',
    tools: [tool],
    model: scriptedModel(calls(['make', {}, 'call-1']), says('Done.')),
  })
  const { messages } = await run(agent, 'Make much.')
  return JSON.stringify(messages.find(({ role }) => role === 'tool'))
}

const cycle: Record<string, unknown> = { list: Array.from({ length: 1000 }, () => 'x') }
cycle['self'] = { cycle }

describe('the output of a tool', () => {
  it('an output may have ten megabytes', async () => {
    const text = 'A line of words.\n'.repeat(600_000)
    expect(await read(text)).toContain(JSON.stringify(text))
    expect(await read({ rows: [text] })).toContain(JSON.stringify(text))
  })

  it('an output may have thousands of rows', async () => {
    const rows = Array.from({ length: 20_000 }, (_, index) => ({ index, name: `Row ${index}` }))
    expect(await read(rows)).toContain(JSON.stringify(rows))
  })

  it.for([
    ['rows', Array.from({ length: 50_000 }, (_, index) => ({ index })), /more than 100,000 values/],
    ['text', 'x'.repeat(17_000_000), /longer than 16,777,216 characters/],
    ['quotes', '"'.repeat(9_000_000), /longer than 16,777,216 characters/],
    ['keys', { ['x'.repeat(17_000_000)]: 1 }, /longer than 16,777,216 characters/],
    ['cycle', cycle, /not JSON/],
  ] as const)('an output that is too large fails: %s', async ([, output, reason]) => {
    expect(await read(output)).toMatch(reason)
  })
})
