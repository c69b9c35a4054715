/**
 * Serves `web/`, the playground, at `/`. A file name has no slash and one dot, so no request can
 * reach a path outside the folder.
 */
import type { Context, Hono } from 'hono'

import { onlyMethods } from './methods.ts'
import { playgroundFiles } from './playground-files.ts'

/** The page loads nothing else. So text from a model can load nothing and run nothing in it. */
const contentSecurityPolicy =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: https:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

const types: Readonly<Record<string, string>> = {
  html: 'text/html; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  css: 'text/css; charset=utf-8',
  svg: 'image/svg+xml',
}

const asset = '/:name{[a-z0-9-]+\\.(?:js|css|svg)}'

export function playgroundRoutes(app: Hono): void {
  app.get('/', (c) => file(c, 'index.html'))
  app.get(asset, (c) => file(c, c.req.param('name')))
  onlyMethods(app, '/', 'GET')
}

function file(c: Context, name: string): Response | Promise<Response> {
  const type = types[name.slice(name.lastIndexOf('.') + 1)]
  const bytes = playgroundFiles(name)
  if (bytes === undefined || type === undefined) return c.notFound()
  return c.body(new Uint8Array(bytes), 200, {
    'content-type': type,
    // The browser checks each file again, so that an update of the server updates the page.
    'cache-control': 'no-cache',
    'content-security-policy': contentSecurityPolicy,
    'x-content-type-options': 'nosniff',
  })
}
