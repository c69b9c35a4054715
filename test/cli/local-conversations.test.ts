/** Conversations in the process of the command. */
import { Hono } from 'hono'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'

import { sessionRoutes } from '../../routes/session.ts'
import { defineAgent } from '../../src/agent.ts'
import type { Events } from '../../src/cli/conversation.ts'
import { localConversations } from '../../src/cli/local-conversations.ts'
import { defineTool } from '../../src/define-tool.ts'
import { Loom } from '../../src/loom.ts'
import { createModels } from '../../src/model/resolve.ts'
import { calls, says, scriptedModel } from '../scripted-model.ts'

const ask = defineTool({ name: 'ask', description: 'Asks.', inputSchema: z.object({}) })

async function eventsOf(events: Events) {
  const all = []
  for await (const event of events) all.push(event)
  return all
}

describe('a conversation in this process', () => {
  it('posts answers under the ids of the HTTP routes', async () => {
    const model = scriptedModel(calls(['ask', {}]), says('Thanks.'))
    const agent = defineAgent({ name: 'tester', systemPrompt: 'Be brief.', model, tools: [ask] })
    const loom = new Loom({ agents: [agent], models: createModels({ environment: {} }) })
    await using conversations = localConversations({
      loom,
      agent: 'tester',
      files: undefined,
      fileStore: undefined,
      isRedis: false,
      failure: () => undefined,
    })
    const conversation = await conversations.open()
    const signal = AbortSignal.timeout(10_000)
    await eventsOf(await conversation.send('One?', signal))
    const messageId = (await conversation.running()) ?? ''
    const output = { type: 'output' as const, toolCallId: 'call-0', output: 'Yes.' }
    const events = await eventsOf(await conversation.answer(messageId, [output], signal))
    expect(events).toContainEqual(expect.objectContaining({ delta: 'Thanks.' }))
    expect(await conversation.running()).toBeUndefined()
    // A page that sends the same answer gets the stream after it, and no refusal.
    const app = new Hono().route('/ai', sessionRoutes(loom))
    const response = await app.request(`/ai/chat/${conversation.id}/tools/call-0`, {
      method: 'POST',
      body: JSON.stringify({ output: 'Yes.' }),
      headers: { accept: 'application/json' },
    })
    expect([response.status, await response.text()]).toEqual([
      200,
      expect.stringContaining('Thanks.'),
    ])
    expect(model.asked).toHaveLength(2)
  })
})
