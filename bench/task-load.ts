/**
 * The process that `tasks.ts` measures: sessions that answer in memory, either by themselves or through a task for
 * which they wait. It is a process of its own, so that its processor time contains nothing else.
 */
import { setTimeout } from 'node:timers/promises'

import type { LanguageModelV4 } from '@ai-sdk/provider'
import { z } from 'zod'

import { agentTool, defineAgent, Loom, openMemoryStore } from '../src/index.ts'
import { type DirectModel, streamParts } from '../src/model.ts'
import { callParts, finishPart } from '../src/model/reply-parts.ts'
import { answerCalls } from './call.ts'

const loadSchema = z.object({
  /** `talker` answers by itself, and `waiter` through a task. */
  agent: z.enum(['talker', 'waiter']),
  sessions: z.number(),
  /** The tokens of each answer. */
  tokens: z.number(),
  /** The time between two tokens, in milliseconds. */
  paceMs: z.number(),
})

export type TaskLoad = z.infer<typeof loadSchema>

const usage = { input: 1, output: 1, cached: 0, reasoning: 0 }

/** Sends the answer of a call by the method that Loom's own clients have. */
function model(id: string, send: DirectModel[typeof streamParts]): LanguageModelV4 & DirectModel {
  return {
    specificationVersion: 'v4',
    provider: 'bench',
    modelId: id,
    supportedUrls: {},
    doGenerate: () => Promise.reject(new Error('The benchmark streams.')),
    doStream: () => Promise.reject(new Error('The benchmark uses the direct method.')),
    [streamParts]: send,
  }
}

const word = (index: number) => ` word${index % 10}`

/** The sizes of the answers of this load. */
let [tokens, paceMs] = [0, 0]

const talker = defineAgent({
  name: 'talker',
  systemPrompt: 'Talk.',
  model: model('talker', async (_, receive) => {
    await receive([{ type: 'text-start', id: 'text' }])
    for (let index = 0; index < tokens; index++) {
      await receive([{ type: 'text-delta', id: 'text', delta: word(index) }])
      await setTimeout(paceMs)
    }
    await receive([{ type: 'text-end', id: 'text' }, finishPart('stop', usage)])
  }),
})

const waiter = defineAgent({
  name: 'waiter',
  systemPrompt: 'Delegate.',
  model: model('waiter', async ({ prompt }, receive) => {
    if (prompt.at(-1)?.role === 'tool') return receive([finishPart('stop', usage)])
    const call = { toolName: 'talker', toolCallId: 'call' }
    await receive([...callParts(call, ['{"prompt":"Talk."}']), finishPart('tool-calls', usage)])
  }),
  tools: [agentTool(talker)],
})

/** Returns the number of answers. @throws Error if one is not whole */
async function run(load: TaskLoad): Promise<number> {
  ;[tokens, paceMs] = [load.tokens, load.paceMs]
  const loom = new Loom({ agents: [talker, waiter], store: openMemoryStore() })
  const expected = Array.from({ length: tokens }, (_, index) => word(index)).join('')
  const answers = Array.from({ length: load.sessions }, async () => {
    const session = loom.startAgent(load.agent)
    const { text } = await session.call('Talk.')
    const tasks = load.agent === 'waiter' ? await session.tasks() : []
    return { text, tasks }
  })
  try {
    for (const { text, tasks } of await Promise.all(answers)) {
      const isWhole = load.agent === 'talker' ? text === expected : tasks[0]?.state === 'finished'
      if (!isWhole) throw new Error(`An answer of ${load.agent} is not whole.`)
    }
  } finally {
    await loom.close()
  }
  // What this run left behind costs the next one nothing.
  globalThis.gc?.()
  return answers.length
}

answerCalls((question) => run(loadSchema.parse(question)))
