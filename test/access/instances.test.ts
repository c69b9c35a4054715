/** Operators reach the instances of a server. An admin does so only if the server has no tenants. */
import { expect, it, onTestFinished } from 'vitest'

import { jwtSecret, openServer, secretJwt } from './access-server.ts'

function open(settings: Record<string, string>) {
  const server = openServer(settings)
  onTestFinished(() => server[Symbol.asyncDispose]())
  const statuses = async (credential: string | undefined, headers = {}) => {
    const list = await server.ask(credential, 'GET', '/api/admin/instances', { headers })
    const path = '/api/admin/instances/none/drain'
    const drain = await server.ask(credential, 'POST', path, { headers })
    return [list.status, drain.status]
  }
  return statuses
}

const operator = 'the-key-of-the-operator'
const operators = { LOOM_OPERATOR_KEYS: `ops:${operator}` }
const keys = { LOOM_API_KEYS: 'acme:the-key-of-acme' }
const jwts = { LOOM_JWT_SECRET: jwtSecret }
const proxy = { HOST: '127.0.0.1', LOOM_AUTH: 'proxy', LOOM_PROXY_SCOPES_HEADER: 'x-scopes' }
const root = { 'x-forwarded-user': 'root', 'x-scopes': 'admin' }

it('an admin without a tenant of a server with tenants reaches no instance', async () => {
  const admin = await secretJwt({ sub: 'root', scope: 'admin' })
  for (const settings of [jwts, { ...jwts, ...keys }, { ...jwts, ...operators }]) {
    expect(await open(settings)(admin)).toEqual([403, 403])
  }
  expect(await open({ ...proxy, ...keys })(undefined, root)).toEqual([403, 403])
  expect(await open(keys)('the-key-of-acme')).toEqual([403, 403])
})

it('an operator does, and an admin of a server without tenants too', async () => {
  expect(await open({ ...keys, ...operators })(operator)).toEqual([200, 404])
  expect(await open(proxy)(undefined, root)).toEqual([200, 404])
  expect(await open({})(undefined)).toEqual([200, 404])
})
