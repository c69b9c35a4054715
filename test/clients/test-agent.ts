/**
 * The agent of the clients. It has a tool for everything that a client can see of a tool. Its
 * models follow a script, so that every client gets the same answers.
 */
import { dynamicTool } from 'ai'
import { z } from 'zod'

import { agentTool } from '../../src/agent-tool.ts'
import { type Agent, type AgentDefinition, defineAgent } from '../../src/agent.ts'
import { defineTool } from '../../src/define-tool.ts'
import type { NamedTool } from '../../src/tool.ts'
import {
  calls,
  finish,
  type Script,
  type ScriptedModel,
  words,
  scriptedModel,
} from '../scripted-model.ts'
export interface TestAgent {
  agent: Agent
  model: ScriptedModel
}

const tools: readonly NamedTool[] = [
  defineTool({
    name: 'weather',
    title: 'Weather',
    description: 'Says how warm it is.',
    inputSchema: z.object({ city: z.string() }),
    execute: ({ city }) => ({ city, degrees: 21, hourly: [20, 21, null] }),
  }),
  defineTool({
    name: 'clock',
    description: 'Says what time it is.',
    inputSchema: z.object({}),
    execute: () => 'noon',
    toModelOutput: ({ output }) => ({ type: 'text', value: `It is ${output}.` }),
  }),
  defineTool({
    name: 'broken',
    description: 'Never works.',
    inputSchema: z.object({}),
    execute: () => {
      throw new Error('the pipe burst')
    },
  }),
  defineTool({
    name: 'add',
    description: 'Adds.',
    inputSchema: z.object({ a: z.number(), b: z.number().default(2) }),
    execute: ({ a, b }) => a + b,
  }),
  defineTool({
    name: 'ask',
    description: 'Asks the user.',
    inputSchema: z.object({ question: z.string() }),
  }),
  defineTool({
    name: 'remove',
    description: 'Removes a file.',
    inputSchema: z.object({ path: z.string() }),
    needsApproval: true,
    execute: ({ path }) => {
      if (path === '/locked') throw new Error('it is locked')
      return { removed: path }
    },
  }),
]

const dynamicTools = {
  lookup: dynamicTool({
    description: 'A tool whose types the client cannot know.',
    inputSchema: z.object({ term: z.string() }),
    execute: (input) => ({ found: input }),
  }),
  stumble: dynamicTool({
    description: 'A dynamic tool that fails.',
    inputSchema: z.object({}),
    execute: () => {
      throw new Error('it stumbled')
    },
  }),
}

export interface TestAgentOptions extends Partial<AgentDefinition> {
  /** Settles when the client has the first report of the sub-agent. @defaultValue at once */
  progressSeen?: () => Promise<void>
}

export function openAgent(
  replies: readonly Script[],
  { progressSeen = () => Promise.resolve(), ...definition }: TestAgentOptions = {},
): TestAgent {
  const researcher = defineAgent({
    name: 'researcher',
    description: 'Looks things up.',
    systemPrompt: 'You look things up.',
    tools: tools.slice(0, 1),
    model: scriptedModel(calls(['weather', { city: 'Oslo' }]), async function* () {
      yield* words('Oslo is ')
      await progressSeen()
      yield { type: 'text-delta', id: 'txt-0', delta: 'mild.' }
      yield { type: 'text-end', id: 'txt-0' }
      yield finish()
    }),
  })
  const model = scriptedModel(...replies)
  const agent = defineAgent({
    name: 'tester',
    systemPrompt: 'You are tested.',
    tools: [...tools, agentTool(researcher), dynamicTools],
    model,
    retry: { retries: 0 },
    ...definition,
  })
  return { agent, model }
}
