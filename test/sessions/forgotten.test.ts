/** A server reports a conversation that it no longer has, and does not begin it again. */
import { randomUUID } from 'node:crypto'

import { DefaultChatTransport, type UIMessage } from 'ai'
import { describe, expect, it } from 'vitest'

import { defineAgent } from '../../src/agent.ts'
import { resumableFetch } from '../../src/client.ts'
import { says, scriptedModel } from '../scripted-model.ts'
import { openServed } from './served.ts'
import { textOf, userMessage } from './world.ts'

const agentOf = (model: ReturnType<typeof scriptedModel>, seedFromClient = false) =>
  defineAgent({ name: 'speaker', systemPrompt: 'x', model, seedFromClient })

/** A page with one answer and a cursor in its stream, after a restart of its server in memory. */
async function restarted(seedFromClient = false) {
  const id = randomUUID()
  const asked = userMessage('Hello?', 'u1')
  await using before = await openServed([agentOf(scriptedModel(says('Hello.')))])
  const first = await fetch(before.api, { method: 'POST', body: json({ id, messages: [asked] }) })
  const stream = await first.text()
  const held = await before.loom.sessions.messages(id)
  const cursor = [...stream.matchAll(/^id: (.+)$/gm)].at(-1)?.[1] ?? ''
  const model = scriptedModel(says('Anew.'))
  const server = await openServed([agentOf(model, seedFromClient)])
  const post = (body: object, headers: Record<string, string> = {}) =>
    fetch(server.api, { method: 'POST', headers, body: json({ id, ...body }) })
  return {
    id,
    held,
    cursor,
    server,
    model,
    post,
    [Symbol.asyncDispose]: server[Symbol.asyncDispose],
  }
}

const json = (value: object) => JSON.stringify(value)

const next = userMessage('And now?', 'u2')

describe('a conversation that the server has lost', () => {
  const posts: [string, (held: UIMessage[]) => object][] = [
    ['a new message behind an answer', (held) => ({ messages: [...held, next] })],
    ['a message that says that it goes on', () => ({ message: next, continues: true })],
    ['an answer to what the page shows', (held) => ({ messages: held })],
    ['an assistant message alone', (held) => ({ messages: held.slice(1) })],
    [
      'a regeneration',
      (held) => ({ messages: held, trigger: 'regenerate-message', messageId: held[1]?.id }),
    ],
    ['an edit', () => ({ messages: [next], messageId: 'u1' })],
  ]
  it.each(posts)('refuses %s with 410, and stores nothing', async (_, body) => {
    await using page = await restarted()
    const response = await page.post(body(page.held), { accept: 'application/json' })
    expect(response.status).toBe(410)
    expect(await response.json()).toEqual({
      error: { code: 'gone', message: expect.stringContaining('conversation') },
    })
    expect(await page.server.loom.sessions.session(page.id)).toBeUndefined()
    expect(page.model.asked).toHaveLength(0)
  })

  it('answers a resume with 410, or 204 without a cursor', async () => {
    await using page = await restarted()
    const stream = `${page.server.api}/${page.id}/stream`
    expect((await fetch(`${stream}?after=${page.cursor}`)).status).toBe(410)
    const headers = { 'last-event-id': page.cursor }
    expect((await fetch(stream, { headers })).status).toBe(410)
    expect((await fetch(stream)).status).toBe(204)
  })

  it('is an error in useChat', async () => {
    await using page = await restarted()
    const transport = new DefaultChatTransport({ api: page.server.api, fetch: resumableFetch() })
    await expect(
      transport.sendMessages({
        chatId: page.id,
        messages: [...page.held, next],
        trigger: 'submit-message',
        messageId: undefined,
        abortSignal: undefined,
      }),
    ).rejects.toThrow('does not have this conversation any more')
  })

  const beginnings: [string, object][] = [
    ['a first message', { messages: [next] }],
    ['a message behind a greeting of the page', { messages: [greeting(), next] }],
    ['a message behind one that got no answer', { messages: [userMessage('Hello?'), next] }],
    ['a message alone', { message: next }],
  ]
  it.each(beginnings)('begins with %s', async (_, body) => {
    await using page = await restarted()
    const response = await page.post(body)
    expect(response.status).toBe(200)
    expect(await response.text()).toContain('Anew.')
    const held = await page.server.loom.sessions.messages(page.id)
    expect(held.map(textOf)).toEqual(['And now?', 'Anew.'])
  })

  it('begins again from the page for an agent with seedFromClient', async () => {
    await using page = await restarted(true)
    const response = await page.post({ messages: [...page.held, next] })
    expect(await response.text()).toContain('Anew.')
    const held = await page.server.loom.sessions.messages(page.id)
    expect(held.map(textOf)).toEqual(['Hello?', 'Hello.', 'And now?', 'Anew.'])
  })
})

function greeting(): UIMessage {
  return { id: 'greeting', role: 'assistant', parts: [{ type: 'text', text: 'How can I help?' }] }
}
