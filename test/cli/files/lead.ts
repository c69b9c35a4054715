/** An agent of a user whose sub-agents ask a human and have tools with effects. */
import { setTimeout as delay } from 'node:timers/promises'

import { agentTool, defineAgent, defineTool, human } from 'loomkit'
import { z } from 'zod'

import { callTool, sayBy } from '../../tasks/models.ts'

const charge = defineTool({
  name: 'charge',
  description: 'Charges money.',
  inputSchema: z.object({ command: z.string() }),
  execute: ({ command }) => `ran ${command}`,
})

const wait = defineTool({
  name: 'wait',
  description: 'Takes long.',
  inputSchema: z.object({}),
  retry: 'safe',
  execute: (_, { signal }) => delay(60_000, 'waited', { signal }),
})

const checker = defineAgent({
  name: 'checker',
  systemPrompt: 'Check.',
  model: sayBy(({ prompt, results }) => {
    if (results.length > 0) return `checked ${JSON.stringify(results.at(-1))}`
    if (prompt.includes('ask'))
      return callTool('human', { question: 'Which?', options: ['a', 'b'] })
    if (prompt.includes('pay')) return callTool('charge', { command: 'pay the whole bill' })
    return prompt.includes('wait') ? callTool('wait', {}) : `checked ${prompt}`
  }),
  tools: [human(), charge, wait],
})

const researcher = defineAgent({
  name: 'researcher',
  systemPrompt: 'Research.',
  model: sayBy(({ prompt, results }) =>
    results.length > 0 ? `found ${JSON.stringify(results)}` : callTool('checker', { prompt }),
  ),
  tools: [agentTool(checker)],
})

export default defineAgent({
  name: 'lead',
  systemPrompt: 'Lead.',
  model: sayBy(({ prompt, results }) => {
    if (prompt.includes('background task')) return 'noted the result'
    if (results.length > 0) return 'all done'
    const name = prompt.startsWith('later') ? 'helper' : 'researcher'
    return prompt.split(';').flatMap((part) => callTool(name, { prompt: part.trim() }))
  }),
  tools: [agentTool(researcher), agentTool(researcher, { name: 'helper', background: true })],
})
