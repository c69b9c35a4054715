/** Keys with names: the name is the tenant, and its sessions outlive each of its keys. */
import { createHash, randomUUID } from 'node:crypto'

import { describe, expect, it } from 'vitest'

import { createApp } from '../routes/app.ts'
import { defineAgent } from '../src/agent.ts'
import { readConfig } from '../src/config.ts'
import { Loom } from '../src/index.ts'
import { storedId } from '../src/session/tenant-ids.ts'
import { says, scriptedModel } from './scripted-model.ts'

const model = scriptedModel(...Array.from({ length: 50 }, () => says('Hello.')))
const agents = [defineAgent({ name: 'assistant', systemPrompt: 'Be nice.', model })]

/** One store, served with one list of keys after another, like after a restart. */
function openTenants() {
  const loom = new Loom({ agents })
  const served = (keys: string) => {
    const config = readConfig({ LOOM_API_KEYS: keys })
    const { request } = createApp({ loom, config })
    const ask = async (key: string, path: string, body?: unknown) => {
      const response = await request(`/api/chat${path}`, {
        headers: { authorization: `Bearer ${key}`, accept: 'application/json', host: 'localhost' },
        ...(body !== undefined && { method: 'POST', body: JSON.stringify(body) }),
      })
      return { status: response.status, text: await response.text(), headers: response.headers }
    }
    return {
      ask,
      say: (key: string, message: string) => ask(key, '', { id: 'support', message }),
      remove: (key: string) =>
        request('/api/chat/support', {
          method: 'DELETE',
          headers: { authorization: `Bearer ${key}`, host: 'localhost' },
        }),
    }
  }
  return { loom, served, [Symbol.asyncDispose]: () => loom.close() }
}

describe('a tenant', () => {
  it('a tenant keeps its conversations with a new key', async () => {
    await using tenants = openTenants()
    const first = tenants.served('alice:key-one-of-alice')
    expect((await first.say('key-one-of-alice', 'I am Alice')).status).toBe(200)
    const both = tenants.served('alice:key-one-of-alice,alice:key-two-of-alice')
    const last = tenants.served('alice:key-two-of-alice')
    for (const { ask, say } of [both, last]) {
      expect((await ask('key-two-of-alice', '/support/messages')).text).toContain('I am Alice')
      expect((await ask('key-two-of-alice', '')).text).toContain('"id":"support"')
      expect((await say('key-two-of-alice', 'Still there?')).status).toBe(200)
    }
    expect((await last.ask('key-one-of-alice', '')).status).toBe(401)
  })

  it.each([
    ['named', 'alice:key-of-alice,bob:key-of-bob'],
    ['unnamed', 'key-of-alice,key-of-bob'],
  ])('a tenant has its own session ids with %s keys', async (_name, keys) => {
    await using tenants = openTenants()
    const { ask, say, remove } = tenants.served(keys)
    const alice = await say('key-of-alice', 'I am Alice')
    const bob = await say('key-of-bob', 'I am Bob')
    for (const { status, text, headers } of [alice, bob]) {
      expect(status).toBe(200)
      expect(JSON.parse(text)).toMatchObject({ id: 'support', text: 'Hello.' })
      expect(headers.get('x-loom-session')).toBe('support')
    }
    const seen = await ask('key-of-bob', '/support/messages')
    expect(seen.text).toContain('I am Bob')
    expect(seen.text).not.toContain('Alice')
    expect(JSON.parse((await ask('key-of-bob', '')).text)).toMatchObject({
      sessions: [{ id: 'support' }],
    })
    expect((await remove('key-of-bob')).status).toBe(204)
    expect((await ask('key-of-alice', '/support/messages')).text).toContain('I am Alice')
  })

  it('a derived name keeps an unnamed key’s sessions', async () => {
    await using tenants = openTenants()
    await tenants.served('key-of-alice').say('key-of-alice', 'I am Alice')
    // `docs/operations.md` describes this name.
    const name = createHash('sha256')
      .update('loom-tenant:key-of-alice')
      .digest('base64url')
      .slice(0, 22)
    const { ask } = tenants.served(`${name}:key-two-of-alice`)
    expect((await ask('key-two-of-alice', '/support/messages')).text).toContain('I am Alice')
  })

  it('a session of an earlier version is found', async () => {
    await using tenants = openTenants()
    const { ask, say } = tenants.served('alice:key-of-alice,bob:key-of-bob')
    await say('key-of-alice', 'The way it is stored now')
    const { sessions } = tenants.loom
    const letter = {
      id: 'm1',
      kind: 'message' as const,
      replyId: randomUUID(),
      message: { id: 'm1', role: 'user' as const, parts: [{ type: 'text' as const, text: 'Old' }] },
      request: { agent: 'assistant' },
    }
    await sessions.post('former', letter, {
      tenant: 'alice',
      agent: 'assistant',
      whenBusy: 'queue',
    })
    expect((await ask('key-of-alice', '/former/messages')).text).toContain('Old')
    expect((await ask('key-of-bob', '/former/messages')).text).toBe('[]')
    const more = await ask('key-of-alice', '', { id: 'former', message: 'More' })
    expect(more.status).toBe(200)
    const kept = JSON.stringify(await sessions.messages('former'))
    expect(kept).toContain('Old')
    expect(kept).toContain('More')
  })

  it('a tenant cannot reach another tenant’s session', async () => {
    await using tenants = openTenants()
    const { ask, say } = tenants.served('alice:key-of-alice,bob:key-of-bob')
    await say('key-of-alice', 'I am Alice')
    const stored = storedId('alice', 'support')
    const path = `/${encodeURIComponent(stored)}/messages`
    expect((await ask('key-of-bob', path)).text).toBe('[]')
    expect(storedId('', stored)).not.toBe(stored)
    expect(storedId('a/@b', 'c')).not.toBe(storedId('a', '@b/c'))
  })
})
