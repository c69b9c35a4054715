/** Sessions of subjects: to all but their owner and the members, they do not exist. */
import { describe, expect, it, onTestFinished } from 'vitest'

import { defineAgent } from '../../src/agent.ts'
import { Loom, type Principal, sessionRoutes } from '../../src/index.ts'
import { within } from '../deadline.ts'
import { says, type Script, scriptedModel } from '../scripted-model.ts'
import { Gate, saysWhen } from '../sessions/scripts.ts'

const principals: Readonly<Record<string, Principal>> = {
  ada: { tenant: 'acme', subject: 'ada', scopes: ['chat'] },
  bob: { tenant: 'acme', subject: 'bob', scopes: ['chat'] },
  rita: { tenant: 'acme', subject: 'rita', scopes: ['chat'] },
  root: { tenant: 'acme', subject: 'root', scopes: ['admin'] },
  server: { tenant: 'acme', scopes: ['chat'] },
  foreign: { tenant: 'other', subject: 'ada', scopes: ['admin'] },
  tab: { tenant: 'acme', session: 'plan', scopes: ['chat'] },
}

function openRoutes(scripts: readonly Script[] = Array.from({ length: 30 }, () => says('Hello.'))) {
  const agent = defineAgent({
    name: 'tutor',
    systemPrompt: 'Teach.',
    model: scriptedModel(...scripts),
  })
  const loom = new Loom({ agents: [agent] })
  onTestFinished(() => loom.close())
  const app = sessionRoutes(loom, {
    principalOf(c) {
      const principal = principals[c.req.header('x-user') ?? '']
      const expiresAt = c.req.header('x-expires-at')
      if (principal === undefined || expiresAt === undefined) return principal
      return { ...principal, expiresAt: Number(expiresAt) }
    },
  })
  const send = async (user: string, method: string, path: string, body?: unknown) =>
    app.request(`/chat${path}`, {
      method,
      headers: {
        'x-user': user,
        accept: path.includes('/stream') ? 'text/event-stream' : 'application/json',
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    })
  const ask = async (user: string, method: string, path: string, body?: unknown) => {
    const response = await send(user, method, path, body)
    const text = await response.text()
    return { status: response.status, text }
  }
  const say = (user: string, message: string, id = 'plan') => ask(user, 'POST', '', { id, message })
  const share = (members: unknown, user = 'ada') => ask(user, 'PUT', '/plan/members', { members })
  const idsOf = async (user: string) => {
    const { sessions }: { sessions: { id: string }[] } = JSON.parse(
      (await ask(user, 'GET', '')).text,
    )
    return sessions.map(({ id }) => id)
  }
  return { app, loom, send, ask, say, share, idsOf }
}

describe('a session of a subject', () => {
  it('does not exist for another subject of the tenant', async () => {
    const { ask, say, idsOf } = openRoutes()
    expect((await say('ada', 'My secret')).status).toBe(200)
    for (const user of ['bob', 'rita']) {
      const reply = await say(user, 'Let me in')
      expect(reply.status).toBe(404)
      expect(reply.text).not.toContain('secret')
      for (const path of [
        '',
        '/messages',
        '/stream',
        '/stream?follow=session',
        '/queue',
        '/members',
      ])
        expect((await ask(user, 'GET', `/plan${path}`)).status, path).toBe(404)
      expect((await ask(user, 'DELETE', '/plan')).status).toBe(404)
      expect(await idsOf(user)).toEqual([])
    }
    expect((await ask('ada', 'GET', '/plan/messages')).text).not.toContain('Let me in')
    expect(await idsOf('ada')).toEqual(['plan'])
  })

  it('is another one than that of another tenant with the same names', async () => {
    const { ask, say } = openRoutes()
    await say('ada', 'My secret')
    expect((await ask('foreign', 'GET', '/plan/messages')).text).toBe('[]')
    expect((await say('foreign', 'Mine')).status).toBe(200)
    expect((await ask('foreign', 'GET', '/plan/messages')).text).not.toContain('secret')
  })

  it('is there for its whole tenant and for its admin', async () => {
    const { ask, say } = openRoutes()
    await say('ada', 'My secret')
    for (const user of ['server', 'root']) {
      expect((await ask(user, 'GET', '/plan/messages')).text).toContain('secret')
      expect((await say(user, `From ${user}`)).status).toBe(200)
    }
    expect((await say('ada', 'Still mine')).status).toBe(200)
  })

  it('of its whole tenant does not exist for a subject', async () => {
    const { ask, say } = openRoutes()
    await say('server', 'Of the tenant')
    expect((await ask('ada', 'GET', '/plan')).status).toBe(404)
    expect((await say('ada', 'Hi')).status).toBe(404)
  })

  it('goes to the first of many subjects who post at once', async () => {
    const { ask, say } = openRoutes()
    const users = ['ada', 'bob', 'rita']
    const replies = await Promise.all(users.map((user) => say(user, `Words of ${user}`)))
    const owners = users.filter((_, at) => replies[at]?.status === 200)
    expect(owners).toHaveLength(1)
    const { text } = await ask(owners[0] ?? '', 'GET', '/plan/messages')
    for (const user of users) expect(text.includes(`Words of ${user}`)).toBe(user === owners[0])
  })
})

describe('the members of a session', () => {
  it.each([[['bob']], [[{ subject: 'bob' }]]])('write to it without a role: %j', async (given) => {
    const { say, share } = openRoutes()
    await say('ada', 'Our plan')
    expect(JSON.parse((await share(given)).text)).toEqual({
      owner: 'ada',
      members: [{ subject: 'bob', role: 'writer' }],
    })
    expect((await say('bob', 'I am in')).status).toBe(200)
  })

  it('read it, or write to it, by their role', async () => {
    const { ask, say, share, idsOf } = openRoutes()
    await say('ada', 'Our plan')
    const members = [
      { subject: 'bob', role: 'writer' },
      { subject: 'rita', role: 'reader' },
    ]
    expect(JSON.parse((await share(members)).text)).toEqual({ owner: 'ada', members })
    expect(JSON.parse((await ask('rita', 'GET', '/plan/members')).text)).toEqual({
      owner: 'ada',
      members,
    })
    for (const user of ['bob', 'rita']) {
      expect((await ask(user, 'GET', '/plan/messages')).text).toContain('Our plan')
      expect(await idsOf(user)).toEqual(['plan'])
      expect((await ask(user, 'DELETE', '/plan')).status).toBe(403)
      expect((await share([], user)).status).toBe(403)
    }
    expect((await say('bob', 'I am in')).status).toBe(200)
    const refused = await say('rita', 'Me too')
    expect(refused.status).toBe(403)
    expect(refused.text).toContain('reading only')
    expect((await ask('rita', 'POST', '/plan/stop')).status).toBe(403)
    expect(
      (await ask('rita', 'POST', '/plan/schedules', { message: 'x', after: 1e9 })).status,
    ).toBe(403)
  })

  it('have a fork for themselves', async () => {
    const { ask, say, share } = openRoutes()
    await say('ada', 'Our plan')
    await share([{ subject: 'rita', role: 'reader' }])
    expect((await ask('rita', 'POST', '/plan/fork', { id: 'mine' })).status).toBe(201)
    expect((await ask('ada', 'GET', '/mine')).status).toBe(404)
    expect((await say('rita', 'More', 'mine')).status).toBe(200)
  })

  it.each([
    ['no list', undefined],
    ['a list of numbers', [7]],
    ['an unknown role', [{ subject: 'bob', role: 'owner' }]],
    ['the owner', [{ subject: 'ada', role: 'reader' }]],
    [
      'one subject twice',
      [
        { subject: 'bob', role: 'reader' },
        { subject: 'bob', role: 'writer' },
      ],
    ],
    ['a control character', [{ subject: 'bob\nwriter eve', role: 'reader' }]],
    ['another field', [{ subject: 'bob', role: 'reader', until: 1 }]],
    [
      '101 subjects',
      Array.from({ length: 101 }, (_, at) => ({ subject: `s${at}`, role: 'reader' })),
    ],
  ])('are refused as %s', async (_name, members) => {
    const { ask, say, share } = openRoutes()
    await say('ada', 'Our plan')
    expect((await share(members)).status).toBe(400)
    expect(JSON.parse((await ask('ada', 'GET', '/plan/members')).text)).toEqual({
      owner: 'ada',
      members: [],
    })
  })

  it('lose an open stream when they are removed', async () => {
    const gate = new Gate('the answer')
    const { send, say, share } = openRoutes([
      says('Hello.'),
      saysWhen(gate, 'It begins. ', 'The secret end.'),
    ])
    await say('ada', 'Our plan')
    await share([{ subject: 'rita', role: 'reader' }])
    const running = say('ada', 'Go on')
    const streams = await Promise.all(
      ['/plan/stream?follow=session', '/plan/stream'].map((path) => send('rita', 'GET', path)),
    )
    await share([])
    const ends = streams.map((stream) => stream.text().catch(() => 'cut'))
    const texts = await within(10_000, 'the ends of the streams', Promise.all(ends))
    gate.open()
    expect((await running).text).toContain('The secret end.')
    expect(texts.join()).not.toContain('secret')
  })
})

describe('a principal of one session', () => {
  it('may name only this session', async () => {
    const { ask, say, idsOf } = openRoutes()
    expect((await say('tab', 'Hello')).status).toBe(200)
    expect((await ask('tab', 'POST', '', { message: 'Without an id' })).status).toBe(200)
    expect(await idsOf('tab')).toEqual(['plan'])
    await say('server', 'Other', 'other')
    for (const path of ['/other', '/other/messages', '/other/stream', '/plan2/messages'])
      expect((await ask('tab', 'GET', path)).status, path).toBe(404)
    expect((await say('tab', 'Hi', 'other')).status).toBe(404)
    expect((await say('tab', 'Hi', 'new')).status).toBe(404)
    expect((await ask('tab', 'POST', '/plan/fork', {})).status).toBe(403)
    expect(await idsOf('tab')).toEqual(['plan'])
  })

  it('loses the stream of the session when its credential expires', async () => {
    const { app, say } = openRoutes()
    await say('server', 'Hello')
    const expiresAt = Date.now() + 1000
    const response = await app.request('/chat/plan/stream?follow=session', {
      headers: { 'x-user': 'tab', 'x-expires-at': String(expiresAt) },
    })
    expect(response.status).toBe(200)
    await within(
      10_000,
      'the end of the stream',
      response.text().catch(() => 'cut'),
    )
    expect(Date.now()).toBeGreaterThanOrEqual(expiresAt - 1)
  })
})
