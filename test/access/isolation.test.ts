/**
 * No principal reaches a session of another one: every route of the table, with every id that belongs to ada. A
 * route that has no plan here fails the suite, so a new one cannot be forgotten.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'

import { createApp } from '../../routes/app.ts'
import { type Route, routeTable } from '../../routes/route-table.ts'
import { readConfig } from '../../src/config.ts'
import { agentTool, defineAgent, defineTool, Loom } from '../../src/index.ts'
import { until } from '../redis/until.ts'
import { scriptedModel } from '../scripted-model.ts'
import { Gate, saysWhen } from '../sessions/scripts.ts'
import { callTool, sayBy } from '../tasks/models.ts'
import { jwtSecret, secretJwt } from './access-server.ts'

const secret = 'the-secret-of-ada'

const double = defineTool({
  name: 'double',
  description: 'Doubles.',
  inputSchema: z.object({ value: z.number() }),
  needsApproval: true,
  execute: ({ value }) => value * 2,
})

const checker = defineAgent({
  name: 'checker',
  systemPrompt: `Check ${secret}.`,
  model: sayBy(({ results }) =>
    results.length > 0 ? `checked ${secret}` : callTool('double', { value: 4 }),
  ),
  tools: [double],
})

const lead = defineAgent({
  name: 'lead',
  systemPrompt: `Lead ${secret}.`,
  model: sayBy(({ prompt, results }) =>
    prompt.includes('check') && results.length === 0
      ? callTool('checker', { prompt: `${secret}: check` })
      : `Done with ${secret}.`,
  ),
  tools: [agentTool(checker)],
})

const gate = new Gate('the answer that stays open')
const slow = defineAgent({
  name: 'slow',
  systemPrompt: 'Be slow.',
  model: scriptedModel(saysWhen(gate, `It is ${secret}. `, 'End.')),
})

// The answer of `slow` stays open for all tests.
const limits = { firstChunkMs: 3_600_000, nextChunkMs: 3_600_000, stepMs: 3_600_000 }
const loom = new Loom({ agents: [lead, slow], limits })
const app = createApp({
  loom,
  config: readConfig({
    LOOM_AGENT: 'lead',
    LOOM_JWT_SECRET: jwtSecret,
    LOOM_API_KEYS: 'acme:key-of-acme,other:key-of-other',
    LOOM_OPERATOR_KEYS: 'ops:key-of-the-operator',
  }),
})

interface Reply {
  status: number
  text: string
}

async function send(
  credential: string,
  { method, path, body }: { method: string; path: string; body?: unknown },
  headers: Record<string, string> = {},
): Promise<Reply> {
  const response = await app.request(path, {
    method,
    headers: {
      host: 'localhost',
      accept: path.includes('/stream') ? 'text/event-stream' : 'application/json',
      authorization: `Bearer ${credential}`,
      ...headers,
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  })
  return { status: response.status, text: await response.text() }
}

/** The ids that belong to ada. */
interface Ids {
  sessions: string[]
  toolCallId: string
  approvalId: string
  messageId: string
  scheduleId: string
}

let ids: Ids
let ada: string

/** A request that could reach a session, by the suffix of its route after the base. */
const plans: Readonly<Record<string, (id: string) => { path: string; body?: unknown }>> = {
  'POST ': (id) => ({ path: '', body: { id, message: 'Let me in' } }),
  'GET ': () => ({ path: '' }),
  'GET /:id': (id) => ({ path: `/${id}` }),
  'DELETE /:id': (id) => ({ path: `/${id}` }),
  'GET /:id/stream': (id) => ({ path: `/${id}/stream` }),
  'POST /:id/stop': (id) => ({ path: `/${id}/stop?tree=1`, body: { queue: 'clear' } }),
  'GET /:id/messages': (id) => ({ path: `/${id}/messages` }),
  'GET /:id/files/:hash': (id) => ({ path: `/${id}/files/${'0'.repeat(64)}` }),
  'GET /:id/branches': (id) => ({ path: `/${id}/branches` }),
  'GET /:id/prompt': (id) => ({ path: `/${id}/prompt` }),
  'GET /:id/inspect': (id) => ({ path: `/${id}/inspect` }),
  'GET /:id/queue': (id) => ({ path: `/${id}/queue` }),
  'POST /:id/queue/run': (id) => ({ path: `/${id}/queue/run` }),
  'DELETE /:id/queue/:messageId': (id) => ({ path: `/${id}/queue/${ids.messageId}` }),
  'GET /:id/schedules': (id) => ({ path: `/${id}/schedules` }),
  'POST /:id/schedules': (id) => ({
    path: `/${id}/schedules`,
    body: { message: 'Later', after: 1e9 },
  }),
  'DELETE /:id/schedules/:scheduleId': (id) => ({ path: `/${id}/schedules/${ids.scheduleId}` }),
  'GET /:id/tasks': (id) => ({ path: `/${id}/tasks` }),
  'GET /:id/members': (id) => ({ path: `/${id}/members` }),
  'PUT /:id/members': (id) => ({
    path: `/${id}/members`,
    body: { members: [{ subject: 'mallory', role: 'writer' }] },
  }),
  'POST /:id/fork': (id) => ({ path: `/${id}/fork`, body: { branch: 1 } }),
  'POST /:id/tools/:toolCallId': (id) => ({
    path: `/${id}/tools/${ids.toolCallId}`,
    body: { output: 'mine' },
  }),
  'POST /:id/approvals/:approvalId': (id) => ({
    path: `/${id}/approvals/${ids.approvalId}`,
    body: { approved: true },
  }),
  'GET /sessions': () => ({ path: '/sessions?subject=ada' }),
  'GET /sessions/:id': (id) => ({ path: `/sessions/${id}` }),
  'DELETE /sessions/:id': (id) => ({ path: `/sessions/${id}` }),
  'POST /sessions/:id/stop': (id) => ({ path: `/sessions/${id}/stop` }),
  'GET /audit': () => ({ path: '/audit' }),
  'GET /instances': () => ({ path: '/instances' }),
  'POST /instances/:id/drain': () => ({ path: '/instances/none/drain' }),
  'GET /export': () => ({ path: '/export?subject=ada' }),
  'POST /erase': () => ({ path: '/erase', body: { subject: 'ada', confirm: 'ada' } }),
}

/** Routes that know no session. Their answers must not contain anything of ada either. */
const withoutSessions = new Set([
  'POST /api/tokens',
  'GET /api/agents',
  'GET /api/models',
  'GET /metrics',
  'GET /healthz',
  'GET /readyz',
  // The metrics are sums over all tenants, without ids. `test/monitoring/` checks it.
  'GET /metrics',
  'GET /openapi.json',
  'GET /docs',
  'GET /',
  'GET /:name{[a-z0-9-]+\\.(?:js|css|svg)}',
])

const bases = ['/api/chat', '/api/agents/:agent/chat', '/api/admin']
const nameOf = ({ method, path }: Route) => `${method} ${path}`

/** The base and the suffix of a route of sessions. */
function partsOf({ method, path }: Route) {
  const base = bases.findLast((each) => path.startsWith(each))
  return base === undefined ? undefined : { base, suffix: `${method} ${path.slice(base.length)}` }
}

const sessionRows = routeTable.filter((row) => !withoutSessions.has(nameOf(row)))

/** What ada sees of her sessions. */
async function stateOfAda(): Promise<Reply[]> {
  const looks = ['', '/messages', '/queue', '/schedules', '/branches', '/tasks', '/members']
  const paths = ids.sessions.flatMap((id) => looks.map((look) => `/api/chat/${id}${look}`))
  const replies: Reply[] = []
  for (const path of [...paths, '/api/chat']) replies.push(await send(ada, { method: 'GET', path }))
  return replies
}

beforeAll(async () => {
  ada = await secretJwt({ sub: 'ada', tenant: 'acme', scope: 'chat' })
  const post = (body: object, headers = {}) =>
    send(ada, { method: 'POST', path: '/api/chat', body }, headers)
  const later = { prefer: 'respond-async' }
  expect((await post({ id: 's', message: `I know ${secret}` })).status).toBe(200)
  expect((await post({ id: 's', trigger: 'regenerate-message' })).status).toBe(200)
  const waiting = await post({ id: 's', message: `check ${secret}` })
  expect(waiting.text).toContain('waiting')
  await post({ id: 'busy', agent: 'slow', message: `Say ${secret}` }, later)
  await gate.reached()
  await post(
    {
      id: 'busy',
      message: { id: 'm-queued', role: 'user', parts: [{ type: 'text', text: secret }] },
    },
    later,
  )
  const at = { method: 'POST', path: '/api/chat/s/schedules' }
  await send(ada, { ...at, body: { id: 'sch', message: secret, after: 1e9 } })
  await send(ada, { method: 'POST', path: '/api/chat/s/fork', body: { id: 'copy' } })
  await until(10_000, 'the task waits', async () =>
    (await send(ada, { method: 'GET', path: '/api/chat/s/tasks' })).text.includes('approvalId'),
  )
  const list = JSON.parse((await send(ada, { method: 'GET', path: '/api/chat/s/tasks' })).text)
  const [task] = list.tasks
  const taskInfo = JSON.parse(
    (await send(ada, { method: 'GET', path: `/api/chat/${task.id}` })).text,
  )
  const [call] = taskInfo.waitsFor
  ids = {
    sessions: ['s', task.id, 'busy', 'copy'],
    toolCallId: call.toolCallId,
    approvalId: call.approvalId,
    messageId: 'm-queued',
    scheduleId: 'sch',
  }
})

afterAll(() => loom.close())

it('has a plan for every route of the table', () => {
  const unplanned = sessionRows.filter((row) => {
    const parts = partsOf(row)
    return parts === undefined || plans[parts.suffix] === undefined
  })
  expect(unplanned.map(nameOf)).toEqual([])
})

it('ada reaches each of her sessions', async () => {
  const seen = await stateOfAda()
  expect(seen.map(({ status }) => status)).toEqual(seen.map(() => 200))
  expect(seen.filter(({ text }) => text.includes(secret)).length).toBeGreaterThan(8)
  const queue = await send(ada, { method: 'GET', path: '/api/chat/busy/queue' })
  expect(queue.text).toContain('m-queued')
})

const mint = async (key: string, body: object): Promise<string> => {
  const { text } = await send(key, { method: 'POST', path: '/api/tokens', body })
  return JSON.parse(text).token
}

/** `own`: the principal has a space of ids of its own, in which the ids of ada are free. */
const strangers: [name: string, own: boolean, credential: () => Promise<string>][] = [
  ['another subject', false, () => secretJwt({ sub: 'mallory', tenant: 'acme', scope: 'chat' })],
  ['a subject with other capitals', false, () => secretJwt({ sub: 'ADA', tenant: 'acme' })],
  ['a reader', false, () => secretJwt({ sub: 'rita', tenant: 'acme', scope: 'read' })],
  ['a token of another session', false, () => mint('key-of-acme', { session: 'x' })],
  ['a token of a session with a longer id', false, () => mint('key-of-acme', { session: 's ' })],
  ['a token of another subject', false, () => mint('key-of-acme', { subject: 'eve' })],
  [
    'a member who was removed',
    false,
    async () => {
      const at = { method: 'PUT', path: '/api/chat/s/members' }
      await send(ada, { ...at, body: { members: [{ subject: 'former', role: 'writer' }] } })
      await send(ada, { ...at, body: { members: [] } })
      return secretJwt({ sub: 'former', tenant: 'acme' })
    },
  ],
  [
    'an admin of another tenant',
    true,
    () => secretJwt({ sub: 'ada', tenant: 'other', scope: 'admin' }),
  ],
  ['a key of another tenant', true, async () => 'key-of-other'],
  ['the same subject without a tenant', true, () => secretJwt({ sub: 'ada' })],
  ['a tenant with other capitals', true, () => secretJwt({ sub: 'ada', tenant: 'Acme' })],
  ['a tenant that looks alike', true, () => secretJwt({ sub: 'ada', tenant: 'acm\u0435' })],
  ['a tenant that continues the name', true, () => secretJwt({ sub: 'ada', tenant: 'acme/s' })],
]

/** These answer for an id that is free in the space of the principal. Two of them begin a session there. */
const freeAnswers: Readonly<Record<string, number>> = {
  'GET ': 200,
  'GET /:id/messages': 200,
  'GET /:id/stream': 204,
  'POST /:id/schedules': 201,
  'POST ': 200,
  // An admin of another tenant governs its own one.
  'GET /sessions': 200,
  'GET /export': 200,
  'GET /audit': 200,
  'POST /erase': 200,
}
const beginners = ['POST /:id/schedules', 'POST ']

describe.each(strangers)('%s', (_name, own, credentialOf) => {
  it('reaches none of ada’s ids by any route, and changes nothing', async () => {
    const credential = await credentialOf()
    const before = await stateOfAda()
    const rows = sessionRows
      .map((row) => ({ row, ...partsOf(row) }))
      .sort(
        (a, b) =>
          Number(beginners.includes(a.suffix ?? '')) - Number(beginners.includes(b.suffix ?? '')),
      )
    for (const { row, base = '', suffix = '' } of rows) {
      for (const id of ids.sessions) {
        const plan = plans[suffix]?.(encodeURIComponent(id))
        const path = base.replace(':agent', 'lead') + (plan?.path ?? '')
        const body = suffix === 'POST ' ? { id, message: 'Let me in' } : plan?.body
        if (own && beginners.includes(suffix)) continue
        const reply = await send(credential, { method: row.method, path, body })
        const where = `${row.method} ${path}: ${reply.status}`
        expect(reply.text, where).not.toContain(secret)
        expect(reply.text, where).not.toContain('m-queued')
        if (suffix === 'GET ') expect(reply.text, where).toBe('{"sessions":[]}')
        else if (reply.status !== 403)
          expect(reply.status, where).toBe((own && freeAnswers[suffix]) || 404)
      }
    }
    expect(await stateOfAda()).toEqual(before)
  })

  it('reaches none of them by another form of their ids', async () => {
    const credential = await credentialOf()
    const before = await stateOfAda()
    const [, task = ''] = ids.sessions
    const forms = [
      '@acme/s',
      '@acme/s/',
      '/s',
      's/',
      's/..',
      'x/../s',
      's\u0000',
      'S',
      ' s',
      's;',
      `@acme/${task}`,
      '%73',
      '%2e%2e/s',
    ]
    for (const form of forms) {
      for (const id of [encodeURIComponent(form), form, form.replaceAll('/', '%2F')]) {
        for (const look of ['', '/messages', '/stream']) {
          const path = `/api/chat/${id}${look}`
          if (!URL.canParse(`http://localhost${path}`)) continue
          const reply = await send(credential, { method: 'GET', path })
          expect(reply.text, path).not.toContain(secret)
          expect(reply.text, path).not.toContain('m-queued')
        }
      }
    }
    expect(await stateOfAda()).toEqual(before)
  })
})

/** The routes that an operator needs no tenant for. */
const ofOperators: Readonly<Record<string, number>> = {
  'GET /sessions': 200,
  'GET /instances': 200,
  'POST /instances/:id/drain': 404,
  // This app has no metrics.
  '/metrics': 404,
}

describe('an operator', () => {
  it('reaches no session by a route of users, and governs no tenant that it does not name', async () => {
    const before = await stateOfAda()
    for (const row of routeTable.filter(({ scope }) => scope !== 'public')) {
      const { base = '', suffix = '' } = partsOf(row) ?? {}
      for (const id of ids.sessions) {
        const plan = plans[suffix]?.(encodeURIComponent(id)) ?? { path: row.path }
        const path = base.replace(':agent', 'lead') + plan.path
        const request = { method: row.method, path, body: plan.body }
        const reply = await send('key-of-the-operator', request)
        const where = `${row.method} ${path}: ${reply.status}`
        const own = ofOperators[suffix || row.path]
        if (own !== undefined) expect(reply.status, where).toBe(own)
        else expect(reply.status, where).toBe(base === '/api/admin' ? 400 : 403)
        expect(reply.text, where).not.toContain('m-queued')
      }
    }
    expect(await stateOfAda()).toEqual(before)
  })
})

describe('routes without sessions', () => {
  it.each([...withoutSessions].map((name) => ({ name })))(
    '$name tells nothing of ada',
    async ({ name }) => {
      const [method = '', path = ''] = name.split(' ')
      const mallory = await secretJwt({ sub: 'mallory', tenant: 'acme', scope: 'admin' })
      const body = method === 'POST' ? { subject: 'ada' } : undefined
      const at = path.replace(/:name.*/, 'playground.js')
      const { text } = await send(mallory, { method, path: at, body })
      expect(text).not.toContain(secret)
    },
  )
})

describe('a session with the same id', () => {
  it('of another tenant is another session', async () => {
    const body = { id: 's', message: 'Mine' }
    const reply = await send('key-of-other', { method: 'POST', path: '/api/chat', body })
    expect(reply.status).toBe(200)
    const seen = await send('key-of-other', { method: 'GET', path: '/api/chat/s/messages' })
    expect(seen.text).toContain('Mine')
    expect(seen.text).not.toContain('I know')
    await send('key-of-other', { method: 'DELETE', path: '/api/chat/s' })
  })
})
