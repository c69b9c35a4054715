/**
 * `npm run bench:tasks`: the cost of a token of a task whose parent waits for it, beside that of a token of
 * any session. Both run in turn in this process, in memory. The exit code is 1 if the parent adds more than a
 * tenth.
 */
import { setTimeout } from 'node:timers/promises'
import { parseArgs } from 'node:util'

import type { LanguageModelV4 } from '@ai-sdk/provider'

import { agentTool, defineAgent, Loom, openMemoryStore } from '../src/index.ts'
import { type DirectModel, streamParts } from '../src/model.ts'
import { callParts, finishPart } from '../src/model/reply-parts.ts'
import { median } from './statistics.ts'

const ratioMax = 1.1

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    sessions: { type: 'string', default: '30' },
    tokens: { type: 'string', default: '4000' },
    pace: { type: 'string', default: '2' },
  },
})
const [rounds, sessions, tokens, paceMs] = [
  Number(values.rounds),
  Number(values.sessions),
  Number(values.tokens),
  Number(values.pace),
]

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

const talker = defineAgent({
  name: 'talker',
  systemPrompt: 'Talk.',
  model: model('talker', async (_, receive) => {
    await receive([{ type: 'text-start', id: 'text' }])
    for (let index = 0; index < tokens; index++) {
      await receive([{ type: 'text-delta', id: 'text', delta: ` word${index % 10}` }])
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

await using loom = new Loom({ agents: [talker, waiter], store: openMemoryStore() })

/** Returns the processor time of a token in microseconds. */
async function cost(agent: 'talker' | 'waiter', count: number): Promise<number> {
  const used = process.cpuUsage()
  const calls = Array.from({ length: count }, () => loom.startAgent(agent).call('Talk.'))
  await Promise.all(calls)
  const { user, system } = process.cpuUsage(used)
  return (user + system) / count / tokens
}

await Promise.all([cost('talker', 2), cost('waiter', 2)])
const ratios: number[] = []
for (let round = 1; round <= rounds; round++) {
  // The order changes, so that neither has the warmer process.
  const order = round % 2 === 0 ? (['waiter', 'talker'] as const) : (['talker', 'waiter'] as const)
  const costs: Partial<Record<'talker' | 'waiter', number>> = {}
  for (const agent of order) costs[agent] = await cost(agent, sessions)
  const { talker: alone = Number.NaN, waiter: awaited = Number.NaN } = costs
  ratios.push(awaited / alone)
  process.stdout.write(
    `${alone.toFixed(2)} µs/token alone, ${awaited.toFixed(2)} as an awaited task: ${(awaited / alone).toFixed(2)}\n`,
  )
}
const ratio = median(ratios)
process.stdout.write(`median ratio ${ratio.toFixed(2)}, at most ${ratioMax}\n`)
process.exitCode = ratio <= ratioMax ? 0 : 1
