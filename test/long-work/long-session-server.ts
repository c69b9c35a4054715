/**
 * A server process with sessions of 5,000 messages: `one`, `two`, … `REDIS_URL` selects its store, which is
 * otherwise in memory. It writes its address like `loom serve`.
 */
import type { UIMessage } from 'ai'

import { defineAgent } from '../../src/agent.ts'
import { scriptedModel } from '../../src/testing/scripted-model.ts'
import { until } from '../redis/until.ts'
import { openServed } from '../sessions/served.ts'

const redisUrl = process.env['REDIS_URL']
const said = 'Some words of a usual message, which are about as many as people write. '.repeat(4)

const history = Array.from({ length: 5000 }, (_, index): UIMessage => {
  const isAnswer = index % 2 === 1
  return {
    id: `m${index}`,
    role: isAnswer ? 'assistant' : 'user',
    ...(isAnswer && {
      metadata: {
        model: 'scripted/model',
        steps: 1,
        outcome: 'finished',
        usage: { inputTokens: 100, outputTokens: 80, totalTokens: 180 },
      },
    }),
    parts: isAnswer
      ? [{ type: 'step-start' }, { type: 'text', text: said, state: 'done' }]
      : [{ type: 'text', text: said }],
  }
})

const agent = defineAgent({
  name: 'talker',
  systemPrompt: 'Talk.',
  model: scriptedModel(Array.from({ length: 1000 }, () => 'Yes, of course.')),
  compaction: false,
  contextWindow: 100_000_000,
})
const settings = redisUrl === undefined ? {} : { REDIS_URL: redisUrl, LOOM_ROLLBACK_TIME: '0' }
const served = await openServed([agent], settings)
// From then on, Redis gets compact messages.
await until(5000, 'the first heartbeat', async () => (await fetch(`${served.url}/readyz`)).ok)
for (const id of (process.env['SESSIONS'] ?? '').split(',')) {
  const letter = {
    id: `first-${id}`,
    kind: 'message' as const,
    message: {
      id: `first-${id}`,
      role: 'user' as const,
      parts: [{ type: 'text' as const, text: 'Hi' }],
    },
    replyId: `re-${id}`,
    request: { agent: 'talker' },
  }
  const to = { tenant: '', agent: 'talker', whenBusy: 'queue' as const, seed: history }
  await served.loom.sessions.post(id, letter, to)
}
process.stdout.write(`Loom is ready: ${served.url}\n`)
