/** An agent and turns with every kind of part. */
import { setImmediate } from 'node:timers/promises'

import type { LanguageModelV4StreamPart } from '@ai-sdk/provider'
import { dynamicTool } from 'ai'
import { z } from 'zod'

import { agentTool } from '../../src/agent-tool.ts'
import { type Agent, defineAgent } from '../../src/agent.ts'
import { defineTool } from '../../src/define-tool.ts'
import { calls, finish, says, words } from '../scripted-model.ts'
import { type Moment, type TurnModel, turnModel } from './turn-model.ts'

export interface RichAgent {
  agent: Agent
  model: TurnModel
  /** The inputs of the runs of `remove`. */
  removed: string[]
}

type Reply = readonly LanguageModelV4StreamPart[]

const providerMetadata = { acme: { signature: 'c2lnbmVk' } }

const streamedCall = (id: string, name: string, input: readonly string[]): Reply => [
  { type: 'tool-input-start', id, toolName: name },
  ...input.map((delta) => ({ type: 'tool-input-delta' as const, id, delta })),
  { type: 'tool-input-end', id },
  { type: 'tool-call', toolCallId: id, toolName: name, input: input.join(''), providerMetadata },
]

/** Reasoning, text, a streamed input, parallel calls of every kind, sources and files, in two steps. */
export const richTurn: readonly Reply[] = [
  [
    { type: 'reasoning-start', id: 'r' },
    { type: 'reasoning-delta', id: 'r', delta: 'The sky ' },
    { type: 'reasoning-delta', id: 'r', delta: 'is blue.' },
    { type: 'reasoning-end', id: 'r', providerMetadata },
    ...words('Let me look — '),
    { type: 'text-end', id: 'txt-0' },
    ...streamedCall('call-w', 'weather', ['{"ci', 'ty":"O', 'slo"}']),
    { type: 'tool-input-start', id: 'call-p', toolName: 'search', providerExecuted: true },
    {
      type: 'tool-call',
      toolCallId: 'call-p',
      toolName: 'search',
      input: '{"query":"sky"}',
      providerExecuted: true,
    },
    { type: 'tool-result', toolCallId: 'call-p', toolName: 'search', result: { found: ['ü', 2] } },
    ...calls(
      ['slow', {}, 'call-s'],
      ['lookup', { term: 'fjord' }, 'call-l'],
      ['researcher', { prompt: 'Oslo?' }, 'call-r'],
      ['broken', {}, 'call-b'],
      ['teleport', { to: 'Mars' }, 'call-t'],
    ),
  ],
  [
    { type: 'source', sourceType: 'url', id: 'u1', url: 'https://example.com/sky', title: 'Sky' },
    { type: 'source', sourceType: 'document', id: 'd1', mediaType: 'text/plain', title: 'Clouds' },
    { type: 'file', mediaType: 'image/png', data: { type: 'data', data: 'iVBORw0KGgo=' } },
    ...words('It is "mild" — 21 °C 🌤.\n'),
    { type: 'text-end', id: 'txt-0', providerMetadata },
    finish(),
  ],
]

/**
 * Calls a client-side tool, then one with approval (if the client supports it), and continues each
 * time.
 */
export const askingTurn = (approves: boolean): readonly Reply[] => [
  [
    ...words('Two questions. '),
    { type: 'text-end', id: 'txt-0' },
    ...streamedCall('call-a', 'ask', ['{"question":', '"Where?"}']),
    ...calls(['weather', { city: 'Oslo' }, 'call-w']),
  ],
  approves
    ? calls(['remove', { path: '/a' }, 'call-x'], ['remove', { path: '/b' }, 'call-y'])
    : calls(['ask', { question: 'Sure?' }, 'call-x']),
  [...words('So be it. '), { type: 'text-end', id: 'txt-0' }, ...calls(['slow', {}, 'call-s'])],
  says('Done — at last.'),
]

const researched: readonly Reply[] = [
  calls(['weather', { city: 'Oslo' }]),
  [...words('Oslo is mild.'), { type: 'text-end', id: 'txt-0' }, finish()],
]

const weather = defineTool({
  name: 'weather',
  title: 'Weather',
  description: 'Says how warm it is.',
  inputSchema: z.object({ city: z.string() }),
  execute: ({ city }) => ({ city, degrees: 21, hourly: [20, 21, null] }),
})

/** @param before awaited before each part of the model */
export function richAgent(
  replies: Parameters<typeof turnModel>[0],
  before?: (moment: Moment) => Promise<void>,
): RichAgent {
  const removed: string[] = []
  const model = turnModel(replies, before)
  const researcher = defineAgent({
    name: 'researcher',
    description: 'Looks things up.',
    systemPrompt: 'You look things up.',
    tools: [weather],
    model: turnModel(researched),
  })
  const tools = [
    weather,
    agentTool(researcher),
    defineTool({
      name: 'ask',
      inputSchema: z.object({ question: z.string() }),
      description: 'Asks.',
    }),
    defineTool({
      name: 'remove',
      description: 'Removes a file.',
      inputSchema: z.object({ path: z.string() }),
      needsApproval: true,
      execute({ path }) {
        removed.push(path)
        return { removed: path }
      },
    }),
    defineTool({
      name: 'slow',
      description: 'Tells how far it is.',
      inputSchema: z.object({}),
      async *execute() {
        yield { done: 1 }
        await setImmediate()
        yield { done: 2 }
      },
    }),
    defineTool({
      name: 'broken',
      description: 'Never works.',
      inputSchema: z.object({}),
      execute: () => {
        throw new Error('the pipe burst')
      },
    }),
    {
      lookup: dynamicTool({
        description: 'A tool whose types the client cannot know.',
        inputSchema: z.object({ term: z.string() }),
        execute: (input) => ({ found: input }),
      }),
    },
  ]
  const agent = defineAgent({ name: 'tester', systemPrompt: 'Be rich.', tools, model })
  return { agent, model, removed }
}
