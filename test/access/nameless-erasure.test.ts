/** The erasure of everything on a server without tenants, whose name is empty. */
import { expect, it, onTestFinished } from 'vitest'

import { openServer } from './access-server.ts'

it('an empty name confirms nothing, and the word does', async () => {
  const server = openServer({})
  onTestFinished(() => server[Symbol.asyncDispose]())
  const say = { id: 'plan', message: 'Hi' }
  expect((await server.ask(undefined, 'POST', '/api/chat', { body: say })).status).toBe(200)
  const erase = (confirm: string) =>
    server.ask(undefined, 'POST', '/api/admin/erase', { body: { tenant: '', confirm } })
  const refused = await erase('')
  expect(refused.status).toBe(400)
  expect(JSON.parse(refused.text).error.message).toContain('"everything"')
  expect((await server.ask(undefined, 'GET', '/api/chat/plan')).status).toBe(200)
  const erased = await erase('everything')
  expect(JSON.parse(erased.text)).toMatchObject({ sessions: 1, complete: true })
  expect((await server.ask(undefined, 'GET', '/api/chat/plan')).status).toBe(404)
})
