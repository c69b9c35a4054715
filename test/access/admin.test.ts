/** An admin governs the sessions of all subjects of its tenant, and no other principal does. */
import { createHash } from 'node:crypto'

import { Hono } from 'hono'
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { z } from 'zod'

import { enforceAccess, principalOf } from '../../routes/access.ts'
import { adminRoutes } from '../../routes/admin.ts'
import { answerError } from '../../routes/errors.ts'
import { adminRouteTable } from '../../routes/route-table.ts'
import { defineAgent } from '../../src/agent.ts'
import { readConfig } from '../../src/config.ts'
import { LoomError } from '../../src/ground/error.ts'
import {
  Loom,
  openMemoryStore,
  type Principal,
  sessionRoutes,
  type Store,
} from '../../src/index.ts'
import { openRedisStore } from '../../src/store/redis.ts'
import { type RunningRedis, startRedis } from '../redis/redis.ts'
import { until } from '../redis/until.ts'
import { says, type Script, scriptedModel } from '../scripted-model.ts'
import { Gate, saysWhen } from '../sessions/scripts.ts'

const principals: Readonly<Record<string, Principal>> = {
  ada: { tenant: 'acme', subject: 'ada', scopes: ['chat'] },
  bob: { tenant: 'acme', subject: 'bob', scopes: ['chat'] },
  root: { tenant: 'acme', subject: 'root', scopes: ['admin'] },
  tab: { tenant: 'acme', session: 'plan', scopes: ['admin'] },
  ops: { tenant: '', scopes: [], operator: 'ops' },
  foreign: { tenant: 'other', subject: 'root', scopes: ['admin'] },
}

const hellos = Array.from({ length: 30 }, () => says('Hello.'))

function openAdmin({
  store = openMemoryStore(),
  scripts = hellos,
}: { store?: Store; scripts?: readonly Script[] } = {}) {
  const agent = defineAgent({
    name: 'tutor',
    systemPrompt: 'Teach.',
    model: scriptedModel(...scripts),
  })
  const loom = new Loom({ agents: [agent], store })
  onTestFinished(() => loom.close())
  const app = new Hono()
  app.onError((error, c) => answerError(error, c, loom))
  app.use(
    enforceAccess((c) => {
      const principal = principals[c.req.header('x-user') ?? '']
      if (principal === undefined) throw new LoomError('unauthorized', 'Who are you?')
      return principal
    }),
  )
  app.route('/api', sessionRoutes(loom, { principalOf }))
  adminRoutes(app, loom, readConfig({}))
  const ask = async (user: string, method: string, path: string, body?: unknown) => {
    const response = await app.request(`/api${path}`, {
      method,
      headers: { 'x-user': user, accept: 'application/json', prefer: 'respond-async' },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    })
    return { status: response.status, text: await response.text() }
  }
  const stateOf = async (id: string) => (await store.session(`@acme/${id}`))?.state
  /** Runs a turn to its end. */
  const say = async (user: string, id: string, message: string, more: object = {}) => {
    expect((await ask(user, 'POST', '/chat', { id, message, ...more })).status).toBe(202)
    await until(8000, `the answer in ${id}`, async () => (await stateOf(id)) !== 'running')
  }
  return { store, ask, say, stateOf }
}

const listed = z.object({
  tenant: z.string(),
  sessions: z.array(z.looseObject({ id: z.string(), subject: z.string().optional() })),
})

const overall = z.object({
  sessions: z.array(z.looseObject({ id: z.string(), tenant: z.string() })),
  next: z.string().optional(),
})

const exported = z.looseObject({
  subject: z.string().optional(),
  session: z.looseObject({ id: z.string() }),
  messages: z.array(z.looseObject({ role: z.string() })),
  context: z.unknown().optional(),
  schedules: z.array(z.looseObject({ id: z.string() })),
})

const exportsIn = (text: string) =>
  text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => exported.parse(JSON.parse(line)))

const digestOf = (id: string) => createHash('sha256').update(id).digest('hex')

describe('the routes of admins', () => {
  it.each(adminRouteTable)('$method $path refuses all but an admin', async ({ method, path }) => {
    const { ask, say } = openAdmin()
    await say('ada', 'plan', 'My secret')
    const at = path.replace('/api', '').replace(':id', 'plan')
    const body =
      method === 'POST' && at.endsWith('erase') ? { subject: 'ada', confirm: 'ada' } : undefined
    for (const user of ['ada', 'bob', 'tab']) {
      const reply = await ask(user, method, at, body)
      expect(reply.status, user).toBe(403)
      expect(reply.text).not.toContain('secret')
    }
    const foreign = await ask('foreign', method, at, body)
    expect(foreign.text).not.toContain('secret')
    expect((await ask('foreign', method, `${at}?tenant=acme`, body)).status).toBe(403)
    expect((await ask('ada', 'GET', '/chat/plan/messages')).text).toContain('secret')
  })
})

describe('an admin', () => {
  it('lists the sessions of all subjects with their owners', async () => {
    const { ask, say } = openAdmin()
    await say('ada', 'plan', 'One')
    await say('bob', 'sums', 'Two')
    const all = listed.parse(JSON.parse((await ask('root', 'GET', '/admin/sessions')).text))
    expect(all.tenant).toBe('acme')
    expect(all.sessions.map(({ id, subject }) => [id, subject])).toEqual([
      ['sums', 'bob'],
      ['plan', 'ada'],
    ])
    const path = '/admin/sessions?subject=ada'
    const some = listed.parse(JSON.parse((await ask('root', 'GET', path)).text))
    expect(some.sessions.map(({ id }) => id)).toEqual(['plan'])
  })

  it('inspects the session of a subject, and so does an operator', async () => {
    const { ask, say } = openAdmin()
    await say('ada', 'plan', 'My secret')
    const path = '/admin/sessions/plan/inspect'
    for (const [user, query] of [
      ['root', ''],
      ['ops', '?tenant=acme'],
    ] as const) {
      const { status, text } = await ask(user, 'GET', `${path}${query}`)
      expect(status).toBe(200)
      expect(JSON.parse(text)).toMatchObject({
        session: { id: 'plan' },
        subject: 'ada',
        turn: { ownerState: 'none' },
        queue: { queued: 0 },
      })
      expect(text).not.toContain('secret')
    }
    expect((await ask('ops', 'GET', '/admin/sessions/none/inspect?tenant=acme')).status).toBe(404)
  })

  it('stops and deletes the session of a subject', async () => {
    const gate = new Gate('the model')
    const { ask, stateOf } = openAdmin({ scripts: [saysWhen(gate, 'Slow', 'Never')] })
    await ask('ada', 'POST', '/chat', { id: 'plan', message: 'Write.' })
    await gate.reached()
    const stopped = await ask('root', 'POST', '/admin/sessions/plan/stop')
    expect(JSON.parse(stopped.text)).toMatchObject({ stopped: true })
    await until(8000, 'the stop', async () => (await stateOf('plan')) === 'idle')
    expect((await ask('root', 'DELETE', '/admin/sessions/plan')).status).toBe(204)
    expect((await ask('ada', 'GET', '/chat/plan')).status).toBe(404)
    expect((await ask('root', 'DELETE', '/admin/sessions/plan')).status).toBe(404)
  })

  it('exports the sessions of a subject, one on each line', async () => {
    const { ask, say } = openAdmin()
    await say('ada', 'plan', 'My secret', { context: { city: 'Oslo' } })
    await ask('ada', 'POST', '/chat/plan/schedules', { id: 'later', message: 'Look.', after: 3e6 })
    await say('bob', 'sums', 'Of Bob')
    const reply = await ask('root', 'GET', '/admin/export?subject=ada')
    expect(reply.text).not.toContain('Of Bob')
    const [session, ...others] = exportsIn(reply.text)
    expect(others).toEqual([])
    expect(session).toMatchObject({
      subject: 'ada',
      session: { id: 'plan' },
      messages: [{ role: 'user' }, { role: 'assistant' }],
      context: { city: 'Oslo' },
      schedules: [{ id: 'later' }],
    })
    expect(exportsIn((await ask('root', 'GET', '/admin/export')).text)).toHaveLength(2)
  })

  it('exports five hundred sessions', async () => {
    const { ask, store } = openAdmin()
    for (let count = 0; count < 500; count++) {
      await store.post(
        `@acme/${count}`,
        {
          id: 'm1',
          kind: 'message',
          message: { id: 'm1', role: 'user', parts: [{ type: 'text', text: 'Hello' }] },
          replyId: 'a1',
          request: { agent: 'tutor' },
        },
        { instance: 'one', tenant: 'acme', agent: 'tutor', whenBusy: 'queue', mailboxLimit: 9 },
      )
    }
    const ids = exportsIn((await ask('root', 'GET', '/admin/export')).text).map(
      ({ session }) => session.id,
    )
    expect(new Set(ids).size).toBe(500)
  })

  it('must repeat the name of what it erases', async () => {
    const { ask, say } = openAdmin()
    await say('ada', 'plan', 'My secret')
    for (const body of [
      { subject: 'ada' },
      { subject: 'ada', confirm: 'bob' },
      { confirm: 'ada' },
      { subject: 'ada', tenant: 'acme', confirm: 'ada' },
    ]) {
      expect((await ask('root', 'POST', '/admin/erase', body)).status).toBe(400)
    }
    const other = await ask('root', 'POST', '/admin/erase', { tenant: 'other', confirm: 'other' })
    expect(other.status).toBe(403)
    expect((await ask('ada', 'GET', '/chat/plan/messages')).text).toContain('secret')
  })
})

describe('the audit', () => {
  const trail = z.object({
    events: z.array(
      z.looseObject({
        action: z.string(),
        by: z.object({ subject: z.string().optional(), operator: z.string().optional() }),
      }),
    ),
    before: z.string().optional(),
  })
  const read = async (ask: ReturnType<typeof openAdmin>['ask'], path = '/admin/audit') =>
    trail.parse(JSON.parse((await ask('root', 'GET', path)).text))

  it('says who shared, stopped, deleted, exported and erased what', async () => {
    const { ask, say } = openAdmin()
    await say('ada', 'plan', 'My secret')
    await say('bob', 'sums', 'Of Bob')
    await ask('ada', 'PUT', '/chat/plan/members', { members: ['bob'] })
    await ask('ops', 'POST', '/admin/sessions/plan/stop?tenant=acme')
    await ask('bob', 'DELETE', '/chat/sums')
    await ask('root', 'GET', '/admin/export?subject=ada')
    const { events } = await read(ask)
    expect(events.map(({ id: _, at: __, ...event }) => event)).toEqual([
      { action: 'export', by: { subject: 'root' }, subject: 'ada' },
      { action: 'delete', by: { subject: 'bob' }, sessionId: 'sums' },
      { action: 'stop', by: { operator: 'ops' }, sessionId: 'plan' },
      { action: 'members', by: { subject: 'ada' }, sessionId: 'plan' },
    ])
    const first = await read(ask, '/admin/audit?limit=3')
    expect(first.events).toHaveLength(3)
    const rest = await read(ask, `/admin/audit?limit=3&before=${first.before}`)
    expect(rest.events.map(({ action }) => action)).toEqual(['members'])
    expect((await ask('root', 'GET', '/admin/audit?before=x')).status).toBe(400)
    expect((await ask('foreign', 'GET', '/admin/audit')).text).not.toContain('plan')

    await ask('root', 'POST', '/admin/erase', { subject: 'ada', confirm: 'ada' })
    const left = await read(ask)
    expect(left.events.map(({ id: _, at: __, ...event }) => event)).toEqual([
      { action: 'erase', by: { subject: 'root' }, subjectDigest: digestOf('ada') },
      { action: 'delete', by: { subject: 'bob' }, sessionId: 'sums' },
    ])
    await ask('ops', 'POST', '/admin/erase?tenant=acme', { tenant: 'acme', confirm: 'acme' })
    const last = await read(ask)
    expect(last.events.map(({ id: _, at: __, ...event }) => event)).toEqual([
      { action: 'erase', by: { operator: 'ops' } },
    ])
  })
})

describe('an operator', () => {
  it('lists the sessions of all tenants, in pages', async () => {
    const { ask, say } = openAdmin()
    await say('ada', 'plan', 'One')
    await say('bob', 'sums', 'Two')
    await say('foreign', 'plan', 'Three')
    const seen: unknown[] = []
    let next: string | undefined
    do {
      const from = next === undefined ? '' : `&from=${next}`
      const page = overall.parse(
        JSON.parse((await ask('ops', 'GET', `/admin/sessions?limit=1${from}`)).text),
      )
      expect(page.sessions.length).toBeLessThanOrEqual(1)
      seen.push(...page.sessions.map(({ tenant, id }) => `${tenant}/${id}`))
      next = page.next
    } while (next !== undefined)
    expect(seen).toEqual(['acme/sums', 'acme/plan', 'other/plan'])
    expect((await ask('ops', 'GET', '/admin/sessions?from=x')).status).toBe(400)
    expect((await ask('root', 'GET', '/admin/sessions')).text).not.toContain('other')
  })

  it('governs a tenant that it names, and is in the certificate', async () => {
    const { ask, say } = openAdmin()
    await say('ada', 'plan', 'One')
    expect((await ask('ops', 'GET', '/admin/sessions/plan?tenant=acme')).status).toBe(200)
    expect((await ask('ops', 'GET', '/admin/sessions/plan?tenant=other')).status).toBe(404)
    for (const [method, path] of [
      ['GET', '/admin/sessions/plan'],
      ['DELETE', '/admin/sessions/plan'],
      ['POST', '/admin/sessions/plan/stop'],
      ['GET', '/admin/export'],
    ] as const) {
      const reply = await ask('ops', method, path)
      expect(reply.text).toContain('?tenant=')
      expect(reply.status).toBe(400)
    }
    const body = { tenant: 'acme', confirm: 'acme' }
    expect((await ask('ops', 'POST', '/admin/erase?tenant=other', body)).status).toBe(403)
    const erased = await ask('ops', 'POST', '/admin/erase?tenant=acme', body)
    expect(JSON.parse(erased.text)).toMatchObject({ sessions: 1, by: { operator: 'ops' } })
  })
})

describe('an erasure', () => {
  let redis: RunningRedis
  beforeAll(async () => {
    redis = await startRedis()
    return () => redis[Symbol.asyncDispose]()
  })

  it('of a subject removes its sessions, also one that runs, and leaves those of others', async () => {
    const gate = new Gate('the model')
    const scripts = [says('One.'), says('Two.'), saysWhen(gate, 'Slow', 'Never')]
    const { ask, say } = openAdmin({ scripts })
    await say('ada', 'plan', 'My secret')
    await say('bob', 'sums', 'Of Bob')
    await ask('bob', 'PUT', '/chat/sums/members', { members: [{ subject: 'ada', role: 'writer' }] })
    await ask('ada', 'POST', '/chat/plan/fork', { id: 'copy' })
    await ask('ada', 'POST', '/chat', { id: 'runs', message: 'Write.' })
    await gate.reached()

    const reply = await ask('root', 'POST', '/admin/erase', { subject: 'ada', confirm: 'ada' })
    expect(reply.status).toBe(200)
    const certificate: unknown = JSON.parse(reply.text)
    expect(certificate).toMatchObject({
      erased: { tenant: 'acme', subject: 'ada' },
      by: { tenant: 'acme', subject: 'root' },
      sessions: 3,
      memberships: 1,
      left: 0,
      complete: true,
      sessionDigests: expect.arrayContaining(['plan', 'copy', 'runs'].map(digestOf)),
    })
    expect(gate.wasAborted).toBe(true)
    expect(reply.text).not.toContain('secret')
    for (const id of ['plan', 'copy', 'runs']) {
      expect((await ask('ada', 'GET', `/chat/${id}`)).status, id).toBe(404)
    }
    expect((await ask('ada', 'GET', '/chat/sums')).status).toBe(404)
    expect((await ask('bob', 'GET', '/chat/sums/messages')).text).toContain('Of Bob')
    const again = await ask('root', 'POST', '/admin/erase', { subject: 'ada', confirm: 'ada' })
    expect(JSON.parse(again.text)).toMatchObject({ sessions: 0, messages: 0, complete: true })
  })

  it('removes a session whose keys another program replaced, which lists show as unknown', async () => {
    const store = await openRedisStore({ url: redis.url, prefix: 'wrong' })
    const { ask, say } = openAdmin({ store })
    for (const id of ['plan', 'sums', 'whole']) await say('ada', id, 'My secret')
    await redis.client.set('wrong:loom:{@acme/plan}:session', 'junk')
    await redis.client.set('wrong:loom:{@acme/sums}:messages', 'junk')
    const { sessions } = listed.parse(
      JSON.parse((await ask('root', 'GET', '/admin/sessions')).text),
    )
    const states = Object.fromEntries(sessions.map(({ id, state }) => [id, state]))
    expect(states).toEqual({ plan: 'unknown', sums: 'idle', whole: 'idle' })
    expect((await ask('ada', 'GET', '/chat')).status).toBe(200)
    const exported = await ask('root', 'GET', '/admin/export')
    const lines = exported.text.trim().split('\n')
    expect(lines.filter((line) => line.includes('"error":"The data of this session'))).toHaveLength(
      2,
    )
    expect(lines.filter((line) => line.includes('My secret'))).toHaveLength(1)
    // Nobody can say whose session the junk was.
    const ofBob = await ask('root', 'POST', '/admin/erase', { subject: 'bob', confirm: 'bob' })
    expect(JSON.parse(ofBob.text)).toMatchObject({ sessions: 0, left: 1, complete: false })
    const reply = await ask('root', 'POST', '/admin/erase', { tenant: 'acme', confirm: 'acme' })
    expect(JSON.parse(reply.text)).toMatchObject({ sessions: 3, left: 0, complete: true })
    const keys = await redis.client.keys('wrong:*')
    onTestFinished(async () => void (await redis.client.del(...keys)))
    expect(keys.filter((key) => key.includes('{@acme/'))).toEqual([])
  })

  it('of a tenant leaves no key of it in Redis', async () => {
    const store = await openRedisStore({ url: redis.url })
    const { ask, say } = openAdmin({ store })
    await say('ada', 'plan', 'My secret', { context: { city: 'Oslo' } })
    await say('bob', 'sums', 'Of Bob')
    await ask('ada', 'POST', '/chat/plan/schedules', { id: 'later', message: 'Look.', after: 3e6 })
    await ask('bob', 'DELETE', '/chat/sums')
    const holding = async () => {
      const keys = await redis.client.keys('*')
      const sets = keys.filter((key) => key.includes(':noted:'))
      const noted = await Promise.all(sets.map((key) => redis.client.smembers(key)))
      const due = await redis.client.zrange('loom:{instances}:due', '0', '-1')
      // The record of the erasure itself stays.
      const others = keys.filter((key) => key !== 'loom:audit:acme')
      return [...others, ...noted.flat(), ...due].filter((text) => /acme|ada|bob/.test(text))
    }
    expect((await holding()).length).toBeGreaterThan(5)
    const reply = await ask('root', 'POST', '/admin/erase', { tenant: 'acme', confirm: 'acme' })
    expect(JSON.parse(reply.text)).toMatchObject({ sessions: 2, complete: true })
    await until(8000, 'no key', async () => (await holding()).length === 0)
    const audit = await redis.client.xrange('loom:audit:acme', '-', '+')
    expect(audit.map(([, fields]) => fields)).toEqual([
      ['event', JSON.stringify({ action: 'erase', by: { subject: 'root' } })],
    ])
  })
})
