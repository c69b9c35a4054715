/**
 * Tells an MCP client where it gets a token for `/mcp`: the metadata of a protected resource (RFC 9728), and its address
 * in a refusal. The server of the tokens is the issuer of the settings.
 */
import type { Context, Hono } from 'hono'

import type { Config } from '../src/config.ts'
import { LoomError } from '../src/ground/error.ts'
import { scopeNames } from '../src/ground/principal.ts'
import { onlyMethods } from './methods.ts'

const resource = '/mcp'
const path = `/.well-known/oauth-protected-resource${resource}`

type Settings = Pick<Config, 'access' | 'publicUrl'>

/** The metadata (RFC 9728, 2). */
export interface ResourceMetadata {
  resource: string
  authorization_servers: string[]
  scopes_supported: string[]
}

export function mcpMetadataRoute(app: Hono, { config }: { config: Settings }): void {
  app.get(path, (c) => {
    const issuer = issuerOf(config)
    if (issuer === undefined) {
      throw new LoomError(
        'not-found',
        'This server names no issuer of tokens: LOOM_JWT_ISSUER is not the address of one.',
      )
    }
    const metadata: ResourceMetadata = {
      resource: baseOf(c, config) + resource,
      authorization_servers: [issuer],
      scopes_supported: [...scopeNames],
    }
    return c.json(metadata)
  })
  onlyMethods(app, path, 'GET')
}

/** Returns the address of the metadata for a refused request. Undefined for other routes, and without an issuer. */
export const metadataUrl = (c: Context, config: Settings): string | undefined =>
  c.req.path === resource && issuerOf(config) !== undefined ? baseOf(c, config) + path : undefined

/** An issuer need not be an address. */
function issuerOf({ access }: Settings): string | undefined {
  const issuer = access.jwt?.issuer
  return issuer !== undefined && /^https?:/i.test(issuer) && URL.canParse(issuer)
    ? issuer
    : undefined
}

/** The address at which clients see this server. */
const baseOf = (c: Context, { publicUrl }: Settings): string =>
  publicUrl ?? new URL(c.req.url).origin
