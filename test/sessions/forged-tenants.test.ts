/**
 * A session is visible to its tenant only. Any request of another tenant, by any route, gets the
 * response for an unused id, and changes nothing for the owner.
 */
import { randomUUID } from 'node:crypto'

import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { storedId } from '../../src/session/tenant-ids.ts'
import { startRedis } from '../redis/redis.ts'
import { until } from '../redis/until.ts'
import { type Caller, type ForgedStage, openForgedStage, saying } from './forged-kit.ts'

/** The first requests of a page are no errors: they get an empty history, and no stream. */
const ofUnusedId: Readonly<Record<string, readonly [number, string]>> = {
  // It would begin a session of her own, as a posted message does.
  'POST /api/chat/:id/schedules': [400, expect.stringContaining('unknown field "output"')],
  'GET /api/chat/:id/messages': [200, '[]'],
  'GET /api/chat/:id/stream': [204, ''],
  'GET /api/chat/:id/socket': [400, expect.stringContaining('is for a WebSocket')],
}

interface Victim {
  id: string
  state: 'idle' | 'running' | 'waiting'
}

/** Routes that name no session, or name it in the body. They have tests of their own. */
const withoutSession = new Set([
  'GET /api/agents',
  'GET /api/models',
  'GET /v1/models',
  'GET /v1/models/:model',
  'POST /v1/chat/completions',
  'POST /mcp',
  'GET /mcp',
  'DELETE /mcp',
  'GET /ag-ui/:agent',
  'POST /ag-ui/:agent',
  'POST /v1/responses',
  'POST /api/tokens',
  // These show and change only the sessions of their own tenant; see `test/access/isolation.test.ts`.
  'GET /api/admin/instances',
  'POST /api/admin/instances/:id/drain',
  'GET /api/admin/audit',
  'GET /api/admin/sessions',
  'GET /api/admin/export',
  'POST /api/admin/erase',
  'GET /api/chat',
  'POST /api/chat',
  'GET /api/agents/:agent/chat',
  'POST /api/agents/:agent/chat',
])

const ofAlice = (id: string) => storedId('alice', id)

const stores = [
  { store: 'memory', open: async () => ({ stack: new AsyncDisposableStack(), environment: {} }) },
  {
    store: 'Redis',
    async open() {
      const stack = new AsyncDisposableStack()
      const { url } = stack.use(await startRedis())
      return { stack, environment: { REDIS_URL: url } }
    },
  },
]

for (const { store, open } of stores) {
  describe(`with sessions in ${store}, the holder of another key`, () => {
    let stage: ForgedStage
    let stack: AsyncDisposableStack
    let alice: Caller
    let eve: Caller
    const victims: Victim[] = []

    beforeAll(async () => {
      const opened = await open()
      stack = opened.stack
      const keys = { LOOM_API_KEYS: 'alice:key-of-alice-0123456789,key-of-eve-0123456789' }
      stage = stack.use(await openForgedStage({ ...opened.environment, ...keys }))
      alice = stage.as('alice-0123456789')
      eve = stage.as('eve-0123456789')
      const scenes = [
        ['idle', 'Look.'],
        ['waiting', 'Ask.'],
        ['running', 'Hold on.'],
      ] as const
      for (const [state, text] of scenes) {
        const id = randomUUID()
        victims.push({ id, state })
        const headers = state === 'running' ? { prefer: 'respond-async' } : {}
        const { status } = await alice.post({ id, messages: [saying(text, 'm1')] }, headers)
        expect(status).toBe(state === 'running' ? 202 : 200)
        await until(5000, `the session is ${state}`, async () => {
          return (await stage.server.loom.sessions.session(ofAlice(id)))?.state === state
        })
      }
      const queued = { id: victims[2]?.id, messages: [saying('Then this.', 'm2')] }
      expect((await alice.post(queued, { prefer: 'respond-async' })).status).toBe(202)
      expect((await eve.post({ id: 'of-eve', messages: [saying('Mine.')] })).status).toBe(200)
    })
    afterAll(() => stack.disposeAsync())

    /** Everything that alice sees, and the other data of the store. */
    const everything = async (): Promise<string> => {
      const { sessions } = stage.server.loom
      const looks = victims.map(async ({ id }) => {
        const { turn } = (await sessions.session(ofAlice(id))) ?? {}
        return [
          await alice.look(id),
          await sessions.branches(ofAlice(id)),
          turn === undefined ? undefined : await sessions.readers.entries(ofAlice(id), turn.logId),
        ]
      })
      return JSON.stringify(await Promise.all(looks))
    }

    /** The id of the decision that the session waits for. */
    const approvalId = async (): Promise<string> => {
      const { id } = victims[1] ?? { id: '' }
      const { sessions } = stage.server.loom
      const { turn } = (await sessions.session(ofAlice(id))) ?? {}
      const { parts } = await sessions.partialAnswer(ofAlice(id), turn?.logId ?? '')
      return String(Object(parts.find((part) => part['toolCallId'] === 'call-x')?.['approval']).id)
    }

    it('finds no session by any route', async () => {
      const before = await everything()
      const routes = new Set(
        stage.server.app.routes
          .filter(({ path, method }) => path.startsWith('/api/') && method !== 'ALL')
          .map(({ path, method }) => `${method} ${path}`),
      )
      const values: Record<string, string> = {
        agent: 'tester',
        messageId: 'm2',
        toolCallId: 'call-a',
        scheduleId: 'tea',
        hash: 'a'.repeat(64),
        approvalId: encodeURIComponent(await approvalId()),
      }
      let asked = 0
      for (const route of routes) {
        if (withoutSession.has(route)) continue
        const [method = '', template = ''] = route.split(' ')
        expect(template, `a route that this test knows: ${route}`).toContain('/:id')
        for (const { id, state } of victims) {
          const path = template.replaceAll(/:(\w+)/g, (_, name: string) => {
            const value = name === 'id' ? id : values[name]
            if (value === undefined) throw new Error(`what is ${name} of ${route}?`)
            return value
          })
          // The union of the bodies of these routes.
          const body = { output: 'x', approved: true, id: randomUUID(), message: saying('Hi.') }
          const said = await eve.send(method, path, method === 'GET' ? undefined : body)
          expect([route, state, said.status, said.text]).toEqual([
            route,
            state,
            ...(ofUnusedId[route.replace('/agents/:agent', '')] ?? [
              404,
              'There is no such session.',
            ]),
          ])
          asked++
        }
      }
      expect(asked).toBeGreaterThan(60)
      expect(await everything()).toBe(before)
    })

    it('posts only to its own session with the same id', async () => {
      const before = await everything()
      const answered = {
        type: 'tool-ask',
        toolCallId: 'call-a',
        scheduleId: 'tea',
        state: 'output-available',
        input: {},
        output: 'x',
      }
      for (const { id } of victims) {
        const { turn } = (await stage.server.loom.sessions.session(ofAlice(id))) ?? {}
        const assistant = { id: turn?.logId, role: 'assistant', parts: [answered] }
        const bodies = [
          { messages: [saying('Hi.')] },
          { messages: [saying('Hi.', 'm1')] },
          { message: 'Hi.' },
          { messages: [assistant] },
          { messages: [saying('Hi.', 'm1')], messageId: 'm1' },
          { messages: [saying('Hi.', 'm1')], trigger: 'regenerate-message' },
          { messages: [assistant], trigger: 'regenerate-message', messageId: turn?.logId },
          ...['queue', 'reject', 'interrupt', 'rollback', 'steer'].map((whenBusy) => ({
            messages: [saying('Hi.')],
            whenBusy,
          })),
        ]
        for (const path of ['/api/chat', '/api/agents/tester/chat']) {
          for (const body of bodies) {
            for (const headers of [
              {},
              { prefer: 'respond-async' },
              { accept: 'text/event-stream, application/x' },
              { 'idempotency-key': 'm1' },
            ]) {
              const said = await eve.send('POST', path, { ...body, id }, headers)
              expect(said.status).toBeOneOf([200, 202, 400, 404, 409, 410])
              expect(said.text).not.toMatch(/Look\.|Ask\.|Hold on\.|Where\?|mild/)
            }
          }
        }
        expect((await eve.send('DELETE', `/api/chat/${id}`)).status).toBe(204)
      }
      expect(await everything()).toBe(before)
    })

    it('forks only to its own ids, and lists none', async () => {
      const before = await everything()
      for (const { id } of victims) {
        const forked = `${id}-forked`
        const said = await eve.send('POST', '/api/chat/of-eve/fork', { id: forked })
        expect([said.status, said.text]).toEqual([201, JSON.stringify({ id: forked })])
        expect((await alice.send('GET', `/api/chat/${forked}`)).status).toBe(404)
        expect((await eve.send('DELETE', `/api/chat/${forked}`)).status).toBe(204)
      }
      for (const path of ['/api/chat', '/api/agents/tester/chat']) {
        const { text } = await eve.send('GET', `${path}?limit=200`)
        expect(text).toContain('of-eve')
        for (const { id } of victims) expect(text).not.toContain(id)
      }
      expect(await everything()).toBe(before)
    })

    it('keeps its session if another tenant deletes the id', async () => {
      const id = randomUUID()
      for (const caller of [alice, eve])
        expect((await caller.post({ id, messages: [saying('Hi.')] })).status).toBe(200)
      expect((await eve.send('DELETE', `/api/chat/${id}`)).status).toBe(204)
      expect((await alice.send('GET', `/api/chat/${id}/messages`)).text).toContain('Hi.')
      expect((await eve.send('GET', `/api/chat/${id}/messages`)).text).toBe('[]')
    })
  })
}
