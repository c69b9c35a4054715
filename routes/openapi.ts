/**
 * `/openapi.json` describes all routes, and `/docs` shows the description as a page. Both are made at
 * their first request, so they cost a start nothing.
 */
import type { Context, Hono } from 'hono'

import type { Config } from '../src/config.ts'
import { takesBearer } from '../src/config/access.ts'
import { late } from '../src/ground/late.ts'
import { onlyMethods } from './methods.ts'
import type { Credential } from './openapi/document.ts'
import type { World } from './world.ts'

/** The page has no script, and loads nothing. */
const contentSecurityPolicy = (styleHash: string) =>
  `default-src 'none'; style-src '${styleHash}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`

const headers = { 'cache-control': 'no-cache', 'x-content-type-options': 'nosniff' }

function credentialsOf(config: Config): Credential[] {
  const { proxy } = config.access
  return [
    ...(takesBearer(config) ? (['bearer'] as const) : []),
    ...(proxy === undefined ? [] : [{ header: proxy.subjectHeader }]),
  ]
}

export function openApiRoutes(app: Hono, { config, version }: World): void {
  const options = { version, credentials: credentialsOf(config) }
  const openApi = late(async () => {
    const { openApiDocument } = await import('./openapi/document.ts')
    return openApiDocument(options)
  })
  const reference = late(async () => {
    const { referencePage, styleHash } = await import('./openapi/reference-page.ts')
    return { html: referencePage(await openApi()), policy: contentSecurityPolicy(styleHash) }
  })
  app.get('/openapi.json', async (c) => {
    const json = JSON.stringify(await openApi())
    return c.body(json, 200, { ...headers, 'content-type': 'application/json' })
  })
  app.get('/docs', async (c: Context) => {
    const { html, policy } = await reference()
    return c.body(html, 200, {
      ...headers,
      'content-type': 'text/html; charset=utf-8',
      'content-security-policy': policy,
      'referrer-policy': 'no-referrer',
    })
  })
  onlyMethods(app, '/openapi.json', 'GET')
  onlyMethods(app, '/docs', 'GET')
}
