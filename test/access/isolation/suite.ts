/**
 * No principal reaches a session of another one: every route of the table, with every id that belongs to ada. A
 * route that has no plan fails the suite, so a new one cannot be forgotten. With two instances, the first one begins the
 * sessions of ada. Each stranger sends half of the pairs (a route and an id). The strangers together
 * send every pair to every instance.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { routeTable } from '../../../routes/route-table.ts'
import { secretJwt } from '../access-server.ts'
import { type Ids, nameOf, partsOf, plans, sessionRows, withoutSessions } from './plans.ts'
import {
  agentsOfAda,
  beginSessions,
  credentialOfAda,
  type Instances,
  secret,
  type Send,
  sendTo,
  stateOfAda,
} from './stage.ts'
import { strangers } from './strangers.ts'

/** These answer for an id that is free in the space of the principal. Two of them begin a session there. */
const freeAnswers: Readonly<Record<string, number>> = {
  'GET ': 200,
  'GET /:id/messages': 200,
  'GET /:id/stream': 204,
  // These requests ask for no WebSocket. `test/socket/` has those that do.
  'GET /:id/socket': 400,
  'POST /:id/schedules': 201,
  'POST ': 200,
  'POST /chat/completions': 200,
  'POST /:agent': 200,
  'POST /responses': 200,
  // An admin of another tenant governs its own one.
  'GET /sessions': 200,
  'GET /export': 200,
  'GET /audit': 200,
  'POST /erase': 200,
}
const beginners = [
  'POST /:id/schedules',
  'POST ',
  'POST /chat/completions',
  'POST /responses',
  'POST /:agent',
]

/** The result of a tool says that the session does not exist, and the response has another status. */
const inResults: Readonly<Record<string, number>> = { 'POST /mcp': 200 }

/** The routes that an operator needs no tenant for. */
const ofOperators: Readonly<Record<string, number>> = {
  'GET /sessions': 200,
  'GET /instances': 200,
  'POST /instances/:id/drain': 404,
  // These apps have no metrics.
  'GET /metrics': 404,
}

/** Other spellings of the id `s` and of a task. */
const formsOf = (task: string): string[] =>
  [
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
  ].flatMap((form) => [encodeURIComponent(form), form, form.replaceAll('/', '%2F')])

export function isolationSuite(
  open: (agents: ReturnType<typeof agentsOfAda>) => Promise<Instances>,
): void {
  let instances: Instances
  let send: Send
  let ids: Ids
  let before: Awaited<ReturnType<typeof stateOfAda>>
  let credentials: readonly string[]

  beforeAll(async () => {
    const agents = agentsOfAda()
    instances = await open(agents)
    send = sendTo(instances)
    const ada = await credentialOfAda()
    ids = await beginSessions(send, agents.gate)
    credentials = await Promise.all(strangers.map(({ credential }) => credential(send, ada)))
    before = await stateOfAda(send, ids)
  })

  afterAll(() => instances[Symbol.asyncDispose]())

  const last = () => instances.fetch.length - 1
  const state = () => stateOfAda(send, ids, last())

  it('has a plan for every route of the table', () => {
    const unplanned = sessionRows.filter((row) => plans[partsOf(row).suffix ?? ''] === undefined)
    expect(unplanned.map(nameOf)).toEqual([])
  })

  it('ada reaches each of her sessions, by each instance', async () => {
    expect(before.map(({ status }) => status)).toEqual(before.map(() => 200))
    expect(before.filter(({ text }) => text.includes(secret)).length).toBeGreaterThan(8)
    expect(before.some(({ text }) => text.includes('m-queued'))).toBe(true)
    expect(await state()).toEqual(before)
  })

  const numbered = strangers.map((stranger, number) => ({ ...stranger, number }))

  describe.each(numbered)('$name', ({ number, own }) => {
    it('reaches none of ada’s ids by any route or other form, and changes nothing', async () => {
      const credential = credentials[number] ?? ''
      const count = instances.fetch.length
      for (const [index, row] of sessionRows.entries()) {
        const { base = '', suffix = '' } = partsOf(row)
        if (own && beginners.includes(suffix)) continue
        const instance = (index + Math.floor(number / count)) % count
        for (const id of ids.sessions.filter((_, at) => (at + number) % count === 0)) {
          const plan = plans[suffix]?.(encodeURIComponent(id), ids)
          const path = base.replace(':agent', 'lead') + (plan?.path ?? '')
          const { body, headers } = plan ?? {}
          const ask = { method: row.method, path, body, ...(headers && { headers }) }
          const reply = await send(credential, ask, instance)
          const where = `${row.method} ${path} on instance ${instance}: ${reply.status}`
          expect(reply.text, where).not.toContain(secret)
          expect(reply.text, where).not.toContain('m-queued')
          if (suffix === 'GET ') expect(reply.text, where).toBe('{"sessions":[]}')
          else if (reply.status !== 403)
            expect(reply.status, where).toBe(
              (own && freeAnswers[suffix]) || (inResults[suffix] ?? 404),
            )
          if (reply.status === inResults[suffix])
            expect(reply.text, where).toContain('There is no such session.')
        }
      }
      const looks = ['', '/messages', '/stream']
      for (const [index, id] of formsOf(ids.sessions[1] ?? '').entries()) {
        for (const look of count === 1 ? looks : [looks[(index + number) % 3]]) {
          const path = `/api/chat/${id}${look}`
          if (!URL.canParse(`http://localhost${path}`)) continue
          const ask = { method: 'GET', path }
          const { text } = await send(credential, ask, index % count)
          expect(text, path).not.toContain(secret)
          expect(text, path).not.toContain('m-queued')
        }
      }
      expect(await state()).toEqual(before)
    })
  })

  describe('an operator', () => {
    it('reaches no session by a route of users, and governs no tenant that it does not name', async () => {
      for (const [index, row] of routeTable.filter(({ scope }) => scope !== 'public').entries()) {
        const { base = '', suffix = '' } = partsOf(row)
        for (const id of ids.sessions) {
          const plan = plans[suffix]?.(encodeURIComponent(id), ids) ?? { path: row.path }
          const path =
            plan.path === row.path ? row.path : base.replace(':agent', 'lead') + plan.path
          const ask = { method: row.method, path, body: plan.body }
          const instance = index % instances.fetch.length
          const reply = await send('key-of-the-operator', ask, instance)
          const where = `${row.method} ${path} on instance ${instance}: ${reply.status}`
          const own = ofOperators[suffix]
          if (own !== undefined) expect(reply.status, where).toBe(own)
          else expect(reply.status, where).toBe(base === '/api/admin' ? 400 : 403)
          expect(reply.text, where).not.toContain('m-queued')
        }
      }
      expect(await state()).toEqual(before)
    })
  })

  describe('routes without sessions', () => {
    it.each([...withoutSessions])('%s tells nothing of ada', async (name) => {
      const [method = '', path = ''] = name.split(' ')
      const mallory = await secretJwt({ sub: 'mallory', tenant: 'acme', scope: 'admin' })
      const body = method === 'POST' ? { subject: 'ada' } : undefined
      const at = path.replace(/:name.*/, 'playground.js')
      const ask = { method, path: at, body }
      const { text } = await send(mallory, ask, last())
      expect(text).not.toContain(secret)
    })
  })

  describe('a session with the same id', () => {
    it('of another tenant is another session', async () => {
      const path = '/api/chat/s'
      const body = { id: 's', message: 'Mine' }
      const reply = await send('key-of-other', { method: 'POST', path: '/api/chat', body }, last())
      expect(reply.status).toBe(200)
      const ask = { method: 'GET', path: `${path}/messages` }
      const seen = await send('key-of-other', ask, last())
      expect(seen.text).toContain('Mine')
      expect(seen.text).not.toContain('I know')
      await send('key-of-other', { method: 'DELETE', path }, last())
    })
  })
}
