/** The agent of a recorded session. Each tool that runs adds a line to the file of `EFFECTS`. */
import { appendFileSync } from 'node:fs'

import { defineAgent, defineTool, human } from 'loomkit'
import { z } from 'zod'

const note = (line: string) => {
  const { EFFECTS: file } = process.env
  if (file !== undefined) appendFileSync(file, `${line}\n`)
}

const weather = defineTool({
  name: 'weather',
  description: 'Returns the weather of a city.',
  inputSchema: z.object({ city: z.string() }),
  execute: ({ city }) => {
    note(`weather ${city}`)
    if (city === 'Nowhere') throw new Error('There is no such city.')
    if (city === 'Far') throw new Error('The line to it was cut off.')
    return { city, sky: 'rain' }
  },
})

const pay = defineTool({
  name: 'pay',
  description: 'Pays an amount.',
  inputSchema: z.object({ cents: z.number() }),
  needsApproval: true,
  execute: ({ cents }) => {
    note(`pay ${cents}`)
    return `paid ${cents}`
  },
})

const wait = defineTool({
  name: 'wait',
  description: 'Waits for a signal.',
  inputSchema: z.object({}),
  execute: async (_, { signal }) => {
    note('wait')
    const { promise, resolve } = Promise.withResolvers<void>()
    signal.addEventListener('abort', () => resolve(), { once: true })
    await promise
    throw signal.reason
  },
})

const shout = defineTool({
  name: 'shout',
  description: 'Returns a word in capital letters.',
  inputSchema: z.string(),
  execute: (word) => {
    note(`shout ${word}`)
    return word.toUpperCase()
  },
})

const place = defineTool({
  name: 'place',
  description: 'Returns the place of the client.',
  inputSchema: z.object({}),
})

export const clerk = defineAgent({
  name: 'clerk',
  systemPrompt: 'You help.',
  tools: [weather, pay, wait, shout, place, human()],
  maxSteps: 3,
  retry: { initialDelayMs: 1, maxDelayMs: 2 },
  afterTool: ({ toolName }) => note(`after ${toolName}`),
})

export const counter = defineAgent({
  name: 'count-er',
  systemPrompt: ({ user }: { user: string }) => `You count for ${user}.`,
  output: z.object({ count: z.number() }),
})
