/** `POST /api/tokens`: an API key makes a short-lived token, so that no page holds the key. */
import type { Context, Hono } from 'hono'

import type { Config } from '../src/config.ts'
import { LoomError } from '../src/ground/error.ts'
import { late } from '../src/ground/late.ts'
import { hasScope } from '../src/ground/principal.ts'
import type { Loom } from '../src/loom.ts'
import { storedId } from '../src/session/tenant-ids.ts'
import { principalOf } from './access.ts'
import { onlyMethods } from './methods.ts'

export function tokenRoutes(app: Hono, loom: Loom, config: Config): void {
  const tokens = late(async () => {
    const { Tokens } = await import('./authentication/token.ts')
    return new Tokens(config)
  })
  const audits = late(() => import('./audit.ts'))
  const bodies = late(() => import('./token-body.ts'))
  app.post('/api/tokens', async (c: Context) => {
    const principal = principalOf(c)
    if (principal.mintsTokens !== true) throw mayNotMint(config)
    const { session, subject, scopes, expiresIn } = await (await bodies()).readTokenBody(c)
    const missing = scopes.find((scope) => !hasScope(principal, scope))
    if (missing !== undefined) {
      throw new LoomError('forbidden', `This API key lacks the scope "${missing}" itself.`)
    }
    const { tenant } = principal
    const grant = { tenant, session, subject, scopes, expiresIn }
    const token = await (await tokens()).sign(grant)
    const { audit } = await audits()
    await audit(c, loom, {
      principal,
      tenant,
      action: 'token',
      ...(subject !== undefined && { subject }),
      ...(session !== undefined && { sessionId: storedId(tenant, session) }),
    })
    return c.json(token, 201)
  })
  onlyMethods(app, '/api/tokens', 'POST')
}

const mayNotMint = ({ apiKeys }: Config) =>
  new LoomError(
    'forbidden',
    apiKeys.length === 0
      ? 'Only an API key can make tokens, and this server has none: set LOOM_API_KEYS.'
      : 'This credential cannot make tokens: use an API key of the server, with the scope "tokens" if it has a list of scopes.',
  )
