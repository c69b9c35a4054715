/** An agent of a user: a file that imports Loom by its name. */
import { setTimeout as delay } from 'node:timers/promises'

import { defineAgent, defineTool } from 'loomkit'
import { z } from 'zod'

const charge = defineTool({
  name: 'charge',
  description: 'Charges money.',
  inputSchema: z.object({ amount: z.string() }),
  execute: ({ amount }) => ({ text: `charged ${amount}` }),
})

const patch = defineTool({
  name: 'patch',
  description: 'Changes a file.',
  inputSchema: z.object({ path: z.string() }),
  retry: 'safe',
  execute: ({ path }) => ({ path, diff: '--- a\n+++ b\n@@ -1,2 +1,2 @@\n same\n-old\n+new\n' }),
})

const slow = defineTool({
  name: 'slow',
  description: 'Takes long.',
  inputSchema: z.object({ text: z.string() }),
  retry: 'safe',
  async *execute(_, { signal }) {
    yield 'first line\nstill at it'
    await delay(60_000, undefined, { signal })
  },
})

const nasty = defineTool({
  name: 'nasty',
  description: 'Says what a terminal would obey.',
  inputSchema: z.object({ text: z.string() }),
  retry: 'safe',
  execute: () => 'before \u001b]0;stolen title\u0007\u001b[31mred\u009b2Jafter\u202e',
})

const human = defineTool({
  name: 'human',
  description: 'Asks the human.',
  inputSchema: z.object({ question: z.string(), options: z.array(z.string()).optional() }),
})

export default defineAgent({
  name: 'mine',
  systemPrompt: 'You are mine.',
  tools: [charge, patch, slow, nasty, human],
})
