/**
 * A user's agent that needs every feature of a module: types, other files, packages, top-level
 * await.
 */
import { jsonSchema, tool } from 'ai'
import { defineAgent, defineTool } from 'loomkit'
import { z } from 'zod'

import { origin } from './origin.ts'

const greeting: string = await Promise.resolve('hello')

const greet = defineTool({
  name: 'greet',
  description: 'Greets.',
  inputSchema: z.object({ text: z.string() }),
  retry: 'safe',
  execute: ({ text }) => `${greeting} ${text.replace(/^for /, '')}, ${origin}`,
})

const wave = tool({
  description: 'Waves.',
  inputSchema: jsonSchema<{ text: string }>({ type: 'object', properties: {} }),
  execute: () => 'waved',
})

export default defineAgent({ name: 'greeter', systemPrompt: 'Greet.', tools: [greet, { wave }] })
