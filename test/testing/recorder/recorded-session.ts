import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A server on a store of files, and a client that holds a conversation in which everything happens. */
import { createAdaptorServer } from '@hono/node-server'
import type { UIMessage } from 'ai'
import { Hono } from 'hono'

import { scriptedModel, type ScriptedStep } from '../../../src/entries/testing.ts'
import { fieldOf, textField } from '../../../src/ground/fields.ts'
import {
  type AgentSession,
  type AnyAgent,
  Loom,
  openFileStore,
  sessionRoutes,
} from '../../../src/index.ts'

/** Text that code must escape, or that a reader must be able to see. */
export const oddText =
  'A `tick`, a ${hole}, a \\ and "both" \'quotes\'.\n\nA second line\u2028and\u00a0a\ttab\r\n*/ // 🧵 \u202ereversed'

const call = (toolName: string, input: object | string = {}) => ({ toolName, input })

const steps: ScriptedStep[] = [
  // How is Oslo?
  {
    reasoning: 'I must look.',
    text: 'Let me see.',
    toolCalls: [
      call('weather', { city: 'Oslo' }),
      call('weather', { city: 'Nowhere' }),
      call('weather', { town: 'Oslo' }),
      call('weather', '{"city": '),
      call('forecast', { city: 'Oslo' }),
      call('weather', { city: 'Far' }),
      call('shout', '"Oslo"'),
    ],
  },
  oddText,
  // Pay.
  { toolCalls: [call('pay', { cents: 100 }), call('pay', { cents: 900 })] },
  'The first one is paid.',
  // Ask me.
  { toolCalls: [call('human', { question: 'Which city?' }), call('place'), call('place')] },
  'Then it is Oslo.',
  // A picture.
  'A cat.',
  // Tell me all.
  { text: 'On and on', hangs: true },
  // Wait.
  { toolCalls: [call('weather', { city: 'Rome' }), call('wait')] },
  // Wait, and ask.
  {
    toolCalls: [
      call('weather', { city: 'Rome' }),
      call('pay', { cents: 5 }),
      call('wait'),
      call('place'),
    ],
  },
  // Ask, and tell.
  { toolCalls: [call('human', { question: 'Where?' })] },
  { text: 'On and on', hangs: true },
  // Ask again.
  { toolCalls: [call('human', { question: 'Really?' })] },
  // Never mind.
  { text: '' },
  // Break.
  { text: 'It r', error: { message: 'The connection broke.' } },
  'ains.',
  // Fail.
  { text: 'It ', error: { status: 400, message: 'No.' } },
  // Steer.
  { toolCalls: [call('weather', { city: 'Paris' })] },
  'Both are fine.',
  // Loop.
  ...[1, 2, 3].map(() => ({ toolCalls: [call('weather', { city: 'Bern' })] })),
]

const picture: UIMessage = {
  id: 'picture',
  role: 'user',
  parts: [
    { type: 'text', text: 'What is this?' },
    {
      type: 'file',
      mediaType: 'image/png',
      filename: 'cat */.png',
      url: `data:image/png;base64,${Buffer.from('a secret picture').toString('base64')}`,
    },
  ],
}

/** Holds the conversation, and returns what `GET /api/chat/:id/messages` answers after it. */
export async function recordedMessages(clerk: AnyAgent): Promise<{ messages: UIMessage[] }> {
  const folder = await mkdtemp(join(tmpdir(), 'loom-recorder-'))
  const model = scriptedModel(steps)
  const agents: readonly AnyAgent[] = [{ ...clerk, model }]
  const loom = new Loom({ agents, store: await openFileStore({ folder }), report: () => {} })
  const app = new Hono().route('/api', sessionRoutes(loom))
  const server = createAdaptorServer({ fetch: app.fetch })
  try {
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    await converse(loom.startAgent('clerk', 'talk'))
    model.assertEnd()
    const address = server.address()
    if (address === null || typeof address === 'string') throw new Error('The server has no port.')
    const response = await fetch(`http://127.0.0.1:${address.port}/api/chat/talk/messages`)
    const body: { messages: UIMessage[] } = JSON.parse(await response.text())
    return body
  } finally {
    server.close()
    await loom.close()
    await rm(folder, { recursive: true, force: true })
  }
}

async function converse(session: AgentSession<never>): Promise<void> {
  await session.call('How is Oslo?')
  const payment = await session.call('Pay.')
  const [first = '', second = ''] = idsIn(payment.message, 'approval')
  await (await session.approve(first, true, { reason: 'It is small.' })).reply()
  await (await session.approve(second, false, { reason: 'Too much!' })).reply()
  const question = await session.call('Ask me.')
  const [human = '', place = '', nowhere = ''] = idsIn(question.message, 'toolCallId')
  await (await session.answer(place, { at: [59.9, 10.7] })).reply()
  await (await session.answer(nowhere, { errorText: 'No signal.' })).reply()
  await (await session.answer(human, 'Oslo')).reply()
  await session.call(picture)
  for await (const event of session.stream('Tell me all.')) {
    if (event.type === 'text-delta' && event.delta.endsWith('on')) await session.stop()
  }
  for await (const event of session.stream('Wait.')) {
    if (event.type === 'tool-output-available') await session.stop()
  }
  for await (const event of session.stream('Wait, and ask.')) {
    if (event.type === 'tool-output-available') await session.stop()
  }
  const asked = await session.call('Ask, and tell.')
  const [where = ''] = idsIn(asked.message, 'toolCallId')
  for await (const event of await session.answer(where, 'Here')) {
    if (event.type === 'text-delta' && event.delta.endsWith('on')) await session.stop()
  }
  await session.call('Ask again.')
  await session.call('Never mind.')
  await session.call('Break.')
  await session.call('Fail.').catch(() => undefined)
  for await (const event of session.stream('Steer.')) {
    if (event.type === 'tool-input-available') {
      await session.cast('And Rome?', { whenBusy: 'steer' })
    }
  }
  await session.call('Loop.')
}

/** The ids of approvals or of calls in a message. */
function idsIn(message: unknown, name: 'approval' | 'toolCallId'): string[] {
  const parts = fieldOf(message, 'parts')
  if (!Array.isArray(parts)) return []
  return parts.flatMap((part: unknown) =>
    name === 'approval'
      ? (textField(fieldOf(part, name), 'id') ?? [])
      : (textField(part, name) ?? []),
  )
}
