/** `GET …/inspect`: the inner state of a session for an admin, without texts. */
import { randomUUID } from 'node:crypto'

import { expect, it, onTestFinished } from 'vitest'
import { z } from 'zod'

import { createApp } from '../routes/app.ts'
import { readConfig } from '../src/config.ts'
import { defineAgent, defineTool, Loom } from '../src/index.ts'
import { until } from './redis/until.ts'
import { callTool, sayBy } from './tasks/models.ts'

const pay = defineTool({
  name: 'pay',
  description: 'Pays.',
  inputSchema: z.object({ to: z.string() }),
  needsApproval: true,
  execute: ({ to }) => `paid ${to}`,
})

const look = defineTool({
  name: 'look',
  description: 'Looks.',
  inputSchema: z.object({}),
  execute: () => 'a private view',
})

const clerk = defineAgent({
  name: 'clerk',
  systemPrompt: 'Be exact.',
  model: sayBy(({ results }) => {
    if (results.length === 0) return callTool('look', {})
    if (results.length === 1) return callTool('pay', { to: 'a private friend' })
    return 'A private answer.'
  }),
  tools: [pay, look],
})

function open() {
  const loom = new Loom({ agents: [clerk] })
  onTestFinished(() => loom.close())
  const config = readConfig({
    LOOM_AGENT: 'clerk',
    LOOM_API_KEYS: 'acme:key-of-admin,acme/chat:key-of-chat,other:key-of-other',
  })
  const app = createApp({ loom, config })
  const send = (path: string, key = 'key-of-admin', body?: object) =>
    app.request(`/api/chat${path}`, {
      headers: { authorization: `Bearer ${key}`, accept: 'application/json', host: 'localhost' },
      ...(body !== undefined && { method: 'POST', body: JSON.stringify(body) }),
    })
  return { loom, send }
}

it('an inspection has the owner, the log, the calls and the queue of a session, and no text', async () => {
  const { loom, send } = open()
  const id = randomUUID()
  await (await send('', 'key-of-admin', { id, message: 'A private wish.' })).text()
  await until(8000, 'the approval', async () => {
    return (await (await send(`/${id}`)).text()).includes('"state":"waiting"')
  })
  const response = await send(`/${id}/inspect`)
  expect(response.status).toBe(200)
  const text = await response.text()
  const inspection = JSON.parse(text)
  expect(inspection).toMatchObject({
    session: { id, state: 'waiting', agent: 'clerk' },
    inspectedBy: loom.sessions.instanceId,
    turn: { owner: loom.sessions.instanceId, ownerState: 'none', takeovers: [] },
    calls: [
      { toolName: 'look', state: 'done', steps: 0 },
      { toolName: 'pay', state: 'approval' },
    ],
    queue: { queued: 0, held: false, letters: [] },
    tasks: [],
    spent: { unfinished: { usage: { totalTokens: expect.any(Number) } } },
  })
  const { first, last, entries, events, size, claims, finished } = inspection.log
  expect([entries, events, size].every((count) => count > 1)).toBe(true)
  expect(claims).toEqual([{ claim: inspection.turn.claim, entries }])
  expect([first.split('-')[0], last.split('-')[0], finished]).toEqual([
    String(inspection.turn.claim),
    String(inspection.turn.claim),
    false,
  ])
  expect(text).not.toContain('private')
})

it('only an admin of the tenant may inspect a session', async () => {
  const { send } = open()
  const id = randomUUID()
  await (await send('', 'key-of-admin', { id, message: 'Go.' })).text()
  expect((await send(`/${id}/inspect`, 'key-of-chat')).status).toBe(403)
  expect((await send(`/${id}/inspect`, 'key-of-other')).status).toBe(404)
  expect((await send(`/${randomUUID()}/inspect`)).status).toBe(404)
})
