/** The client of Hono with the types of `LoomRoutes` calls a server. */
import { hc } from 'hono/client'
import type { ExtractSchema } from 'hono/types'
import { beforeAll, expect, it } from 'vitest'
import { z } from 'zod'

import { assistant } from '../../agents/assistant.ts'
import type { LoomRoutes } from '../../routes/loom-routes.ts'
import { routeTable } from '../../routes/route-table.ts'
import { readConfig } from '../../src/config.ts'
import { servedApp } from '../served-app.ts'

type Typed = ExtractSchema<LoomRoutes>
type Methods<PATH extends keyof Typed> = Record<keyof Typed[PATH], true>

const get = { $get: true } as const
const post = { $post: true } as const
const put = { $put: true } as const
const remove = { $delete: true } as const

/** The compiler refuses a missing and an additional path or method. */
const typed: { [PATH in keyof Typed]: Methods<PATH> } = {
  '/api/tokens': post,
  '/api/agents': get,
  '/api/models': get,
  '/healthz': get,
  '/readyz': get,
  '/openapi.json': get,
  '/api/chat': { ...post, ...get },
  '/api/chat/:id': { ...get, ...remove },
  '/api/chat/:id/messages': get,
  '/api/chat/:id/stream': get,
  '/api/chat/:id/socket': get,
  '/api/chat/:id/stop': post,
  '/api/chat/:id/tasks': get,
  '/api/chat/:id/prompt': get,
  '/api/chat/:id/inspect': get,
  '/api/chat/:id/queue': get,
  '/api/chat/:id/queue/run': post,
  '/api/chat/:id/queue/:messageId': remove,
  '/api/chat/:id/schedules': { ...get, ...post },
  '/api/chat/:id/schedules/:scheduleId': remove,
  '/api/chat/:id/files/:hash': get,
  '/api/chat/:id/branches': get,
  '/api/chat/:id/members': { ...get, ...put },
  '/api/chat/:id/fork': post,
  '/api/chat/:id/tools/:toolCallId': post,
  '/api/chat/:id/approvals/:approvalId': post,
  '/api/agents/:agent/chat': { ...post, ...get },
  '/api/agents/:agent/chat/:id': { ...get, ...remove },
  '/api/agents/:agent/chat/:id/messages': get,
  '/api/agents/:agent/chat/:id/stream': get,
  '/api/agents/:agent/chat/:id/socket': get,
  '/api/agents/:agent/chat/:id/stop': post,
  '/api/agents/:agent/chat/:id/tasks': get,
  '/api/agents/:agent/chat/:id/prompt': get,
  '/api/agents/:agent/chat/:id/inspect': get,
  '/api/agents/:agent/chat/:id/queue': get,
  '/api/agents/:agent/chat/:id/queue/run': post,
  '/api/agents/:agent/chat/:id/queue/:messageId': remove,
  '/api/agents/:agent/chat/:id/schedules': { ...get, ...post },
  '/api/agents/:agent/chat/:id/schedules/:scheduleId': remove,
  '/api/agents/:agent/chat/:id/files/:hash': get,
  '/api/agents/:agent/chat/:id/branches': get,
  '/api/agents/:agent/chat/:id/members': { ...get, ...put },
  '/api/agents/:agent/chat/:id/fork': post,
  '/api/agents/:agent/chat/:id/tools/:toolCallId': post,
  '/api/agents/:agent/chat/:id/approvals/:approvalId': post,
}

const json = { accept: 'application/json' }

let client: ReturnType<typeof hc<LoomRoutes>>

beforeAll(async () => {
  const config = readConfig({ LOOM_AGENT: 'assistant', LOOM_MODEL: 'demo/echo' })
  const app = await servedApp({ agents: [assistant], config })
  client = hc<LoomRoutes>('http://127.0.0.1:3000', { fetch: app.request })
})

it('the types have every route of sessions, and no route that the server lacks', () => {
  const names = Object.entries(typed).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.slice(1).toUpperCase()} ${path}`),
  )
  const served = routeTable.map(({ method, path }) => `${method} ${path}`)
  expect(names.filter((name) => !served.includes(name))).toEqual([])
  const ofSessions = served.filter((name) => /^\w+ \/api\/.*chat/.test(name))
  expect(ofSessions.filter((name) => !names.includes(name))).toEqual([])
})

it('a conversation by the typed client', async () => {
  const id = 'my talk/ü'
  // The client of Hono does not encode the parameters of a path.
  const param = { id: encodeURIComponent(id) }
  const session = client.api.chat[':id']
  const posted = await client.api.chat.$post({ json: { id, message: 'Hello' }, header: json })
  expect(posted.status).toBe(200)
  const answer = z.object({ id: z.string(), text: z.string() }).parse(await posted.json())
  expect(answer).toMatchObject({ id, text: expect.stringContaining('Hello') })
  const shown = await session.$get({ param })
  if (!shown.ok) throw new Error(await shown.text())
  expect(await shown.json()).toMatchObject({ id, title: 'Hello', state: 'idle' })
  const history = await session.messages.$get({ param, query: { limit: '1' } })
  if (!history.ok) throw new Error(await history.text())
  expect((await history.json()).map(({ role }) => role)).toEqual(['assistant'])
  const forked = await session.fork.$post({ param, json: { id: 'copy' } })
  expect(forked.status).toBe(201)
  const shared = await session.members.$put({
    param,
    json: { members: ['ada', { subject: 'bob' }, { subject: 'eve', role: 'reader' }] },
  })
  if (!shared.ok) throw new Error(await shared.text())
  expect((await shared.json()).members.map(({ role }) => role)).toEqual([
    'writer',
    'writer',
    'reader',
  ])
  const body = { message: 'Look again.', after: 3_600_000 }
  const scheduled = await session.schedules.$post({ param, json: body })
  if (!scheduled.ok) throw new Error(await scheduled.text())
  const schedule = await scheduled.json()
  expect(schedule.dueAt).toBeGreaterThan(Date.now())
  const gone = await session.schedules[':scheduleId'].$delete({
    param: { ...param, scheduleId: schedule.id },
  })
  expect(gone.status).toBe(204)
  const list = await client.api.agents[':agent'].chat.$get({
    param: { agent: 'assistant' },
    query: {},
  })
  if (!list.ok) throw new Error(await list.text())
  expect((await list.json()).sessions.map((each) => each.id).toSorted()).toEqual(
    expect.arrayContaining(['copy', id]),
  )
  expect((await session.$delete({ param })).status).toBe(204)
  const missing = await session.$get({ param })
  if (missing.ok) throw new Error('The session is still there.')
  expect(await missing.text()).toBe('There is no such session.')
})

it('a stream and a confirmation by the typed client', async () => {
  const stream = await client.api.chat.$post({ json: { message: 'Hello' } })
  expect(await new Response(stream.body).text()).toContain('data: [DONE]')
  const accepted = await client.api.chat.$post({
    json: { message: 'Hello' },
    header: { prefer: 'respond-async' },
  })
  expect(accepted.status).toBe(202)
})

it('the server’s own routes by the typed client', async () => {
  const agents = await client.api.agents.$get()
  expect(agents.ok && (await agents.json()).agents.map(({ name }) => name)).toEqual(['assistant'])
  const models = await client.api.models.$get({ query: { query: 'assistant', limit: '5' } })
  expect(models.ok && (await models.json()).models.map(({ id }) => id)).toContain('demo/assistant')
  const health = await client.healthz.$get()
  expect(health.ok && (await health.json()).status).toBe('ok')
})
