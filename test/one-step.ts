/** A tool, and one step that calls it. */
import { z } from 'zod'

import type { NamedTool } from '../src/tool.ts'
import { agentOf, record } from './recorded-run.ts'
import { calls, says, type Script, scriptedModel } from './scripted-model.ts'

/** A tool that accepts any input. */
export const toolOf = (
  execute: NonNullable<NamedTool['execute']>,
  more: Partial<NamedTool> = {},
): NamedTool => ({
  name: 'work',
  description: 'Works.',
  inputSchema: z.looseObject({}),
  execute,
  ...more,
})

/** Runs one step of calls. Returns the events of the client and the results for the model. */
export async function settle(tool: NamedTool, ...script: Script[]) {
  const scripts = script.length === 0 ? [calls(['work', { n: 1 }])] : script
  const model = scriptedModel(...scripts, says('Done.'))
  const recorded = await record(agentOf({ tools: [tool], model }), 'Go.')
  const lastMessage = model.asked[1]?.prompt.at(-1)
  const results = lastMessage?.role === 'tool' ? lastMessage.content : []
  return { ...recorded, model, results }
}
