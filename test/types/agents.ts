/** The agents of the type tests. Each needs another context. */
import { jsonSchema, tool } from 'ai'
import { agentTool, defineAgent, defineTool, type ToolContext } from 'loomkit'
import { z } from 'zod'

import { calculator } from '../../tools/calculator.ts'
import { clock } from '../../tools/clock.ts'

export interface User {
  user: string
}

export const account = defineTool({
  name: 'account',
  description: 'Reads an account of the user.',
  inputSchema: z.object({ id: z.number() }),
  execute: ({ id }, { context }: ToolContext<User>) => ({ owner: context.user, id }),
})

export const counter = defineTool({
  name: 'counter',
  description: 'Counts.',
  inputSchema: z.object({ to: z.number() }),
  async *execute({ to }) {
    yield { at: 0 }
    yield { at: to }
  },
})

/** Has no `execute`: the client runs it. */
export const color = defineTool<{ question: string }, string, unknown, 'color'>({
  name: 'color',
  description: 'Asks for a color.',
  inputSchema: z.object({ question: z.string() }),
})

export const weather = tool({
  inputSchema: jsonSchema<{ city: string }>({ type: 'object' }),
  execute: ({ city }) => ({ city, celsius: 20 }),
})

const systemPrompt = 'Help.'

export const plain = defineAgent({ name: 'plain', systemPrompt, tools: [calculator, clock] })

export const byCallback = defineAgent({
  name: 'by-callback',
  systemPrompt: ({ user }: User) => `Help ${user}.`,
})

export const byTool = defineAgent({ name: 'by-tool', systemPrompt, tools: [calculator, account] })

export const byBoth = defineAgent({
  name: 'by-both',
  systemPrompt: ({ language }: { language: string }) => `Answer in ${language}.`,
  tools: [account],
})

export const bySet = defineAgent({ name: 'by-set', systemPrompt, tools: { account, counter } })

export const bySubAgent = defineAgent({
  name: 'by-sub-agent',
  systemPrompt,
  tools: [agentTool(byTool), agentTool(plain, { name: 'helper' })],
})

export const byParameter = defineAgent<User>({
  name: 'by-parameter',
  systemPrompt: ({ user }) => `Help ${user}.`,
  tools: [account, calculator],
})

export const byFirstCall = defineAgent<User>()({
  name: 'by-first-call',
  systemPrompt: ({ user }) => `Help ${user}.`,
  tools: [account, calculator],
})

export const byFunction = defineAgent({
  name: 'by-function',
  systemPrompt,
  tools: ({ user }: User) => (user === '' ? [calculator] : [calculator, clock]),
})

export const optional = defineAgent({
  name: 'optional',
  systemPrompt: (context: User | undefined) => `Help ${context?.user ?? 'a guest'}.`,
})

export const forecast = defineAgent({
  name: 'forecast',
  systemPrompt: ({ user }: User) => `Help ${user}.`,
  output: z.object({ celsius: z.number() }),
  tools: [calculator],
})

export const mixed = defineAgent({
  name: 'mixed',
  systemPrompt,
  tools: [calculator, color, { weather }, account],
})
