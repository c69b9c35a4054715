/** A token of one session, without a subject: it uses only this session, at every door, and owns nothing. */
import { expect, it, onTestFinished } from 'vitest'

import { openServer } from './access-server.ts'

const key = 'the-key-of-acme'

function open() {
  const server = openServer({ LOOM_API_KEYS: `acme:${key}` })
  onTestFinished(() => server[Symbol.asyncDispose]())
  const tokenOf = async (grant: object): Promise<string> => {
    const { status, text } = await server.ask(key, 'POST', '/api/tokens', { body: grant })
    expect(status).toBe(201)
    return JSON.parse(text).token
  }
  const listed = async (): Promise<string[]> => {
    const { sessions }: { sessions: { id: string }[] } = JSON.parse(
      (await server.ask(key, 'GET', '/api/chat')).text,
    )
    return sessions.map(({ id }) => id)
  }
  return { ...server, tokenOf, listed }
}

const mcpHeaders = {
  accept: 'application/json, text/event-stream',
  'content-type': 'application/json',
}

const completion = (more: object = {}) => ({
  model: 'assistant',
  messages: [{ role: 'user', content: 'Hi' }],
  ...more,
})

const call = (session?: string) => ({
  jsonrpc: '2.0',
  id: 1,
  method: 'tools/call',
  params: {
    name: 'assistant',
    arguments: { message: 'Hi', ...(session !== undefined && { session }) },
  },
})

const run = (threadId: string) => ({
  threadId,
  runId: `run of ${threadId}`,
  messages: [{ id: `message of ${threadId}`, role: 'user', content: 'Hi' }],
})

it.each([
  ['/api/chat', { message: 'Hi' }, {}],
  ['/v1/chat/completions', completion(), {}],
  ['/v1/responses', { model: 'assistant', input: 'Hi' }, {}],
  ['/v1/responses', { model: 'assistant', input: 'Hi', store: false }, {}],
  ['/mcp', call(), mcpHeaders],
  ['/ag-ui/assistant', run('only'), { accept: 'text/event-stream' }],
])('a post to %s begins the session of the token', async (path, body, headers) => {
  const { ask, tokenOf, listed } = open()
  const token = await tokenOf({ session: 'only' })
  expect(await ask(token, 'POST', path, { body, headers })).toMatchObject({ status: 200 })
  expect(await listed()).toEqual(['only'])
})

it.each([
  ['/api/chat', { id: 'other', message: 'Hi' }, {}],
  ['/v1/chat/completions', completion({ metadata: { session_id: 'other' } }), {}],
  ['/v1/chat/completions', completion(), { 'x-loom-session': 'other' }],
  ['/v1/responses', { model: 'assistant', input: 'Hi', conversation: 'other' }, {}],
  ['/mcp', call('other'), mcpHeaders],
  ['/ag-ui/assistant', run('other'), {}],
])('a post to %s for another session begins nothing', async (path, body, headers) => {
  const { ask, tokenOf, listed } = open()
  const token = await tokenOf({ session: 'only' })
  expect((await ask(token, 'POST', path, { body, headers })).text).toContain(
    'There is no such session.',
  )
  expect(await listed()).toEqual([])
})

it('the token writes to the session of a subject, and neither shares nor deletes it', async () => {
  const { ask, tokenOf } = open()
  const ada = await tokenOf({ subject: 'ada' })
  const page = await tokenOf({ session: 'plan' })
  const body = { id: 'plan', message: 'Hi' }
  expect((await ask(ada, 'POST', '/api/chat', { body })).status).toBe(200)
  expect((await ask(page, 'POST', '/api/chat', { body })).status).toBe(200)
  const members = { body: { members: ['mallory'] } }
  for (const [method, path, more] of [
    ['PUT', '/api/chat/plan/members', members],
    ['DELETE', '/api/chat/plan', {}],
  ] as const) {
    const refused = await ask(page, method, path, more)
    expect(refused, path).toMatchObject({ status: 403 })
    expect(refused.text).toContain('Only the owner')
  }
  expect(JSON.parse((await ask(ada, 'GET', '/api/chat/plan/members')).text)).toEqual({
    owner: 'ada',
    members: [],
  })
})

it('the audit names the session of the token', async () => {
  const { ask, tokenOf } = open()
  const page = await tokenOf({ session: 'plan' })
  const body = { id: 'plan', message: 'Hi' }
  expect((await ask(page, 'POST', '/api/chat', { body })).status).toBe(200)
  expect((await ask(page, 'POST', '/api/chat/plan/stop')).status).toBe(200)
  expect((await ask(key, 'POST', '/api/chat/plan/stop')).status).toBe(200)
  const trail: { events: { action: string; by: object }[] } = JSON.parse(
    (await ask(key, 'GET', '/api/admin/audit')).text,
  )
  expect(trail.events.map(({ action, by }) => ({ action, by }))).toEqual([
    { action: 'stop', by: {} },
    { action: 'stop', by: { session: 'plan' } },
    { action: 'token', by: {} },
  ])
})
