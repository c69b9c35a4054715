/** The OpenAPI document of the server, and the page that shows it. */
import { createHash } from 'node:crypto'

import { Validator } from '@seriousme/openapi-schema-validator'
import type { Hono } from 'hono'
import { beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'

import { assistant } from '../../agents/assistant.ts'
import { readConfig } from '../../src/config.ts'
import { errorStatus } from '../../src/ground/error.ts'
import { servedApp } from '../served-app.ts'
import { type Document, documentForm, methods, routesIn } from './document-form.ts'

let app: Hono
let source: Record<string, unknown>
let document: Document

beforeAll(async () => {
  app = await servedApp({
    agents: [assistant],
    config: readConfig({ LOOM_API_KEYS: 'ada:a-long-secret' }),
  })
  source = z
    .record(z.string(), z.unknown())
    .parse(await (await app.request('/openapi.json')).json())
  document = documentForm.parse(source)
})

describe('the OpenAPI document', () => {
  it('is valid OpenAPI 3.1', async () => {
    const { valid, errors } = await new Validator().validate(source)
    expect(errors).toBeUndefined()
    expect(valid).toBe(true)
    expect(document.openapi).toMatch(/^3\.1\./)
  })

  it('has every route of the server, and no other', () => {
    const served = app.routes
      .filter(({ method, path }) => method !== 'ALL' && !path.includes('/:name{'))
      .map(({ method, path }) => `${method} ${path.replaceAll(/:(\w+)/g, '{$1}')}`)
    const described = routesIn(document).map(({ method, path }) => `${method} ${path}`)
    expect(described.toSorted()).toEqual([...new Set(served)].toSorted())
    expect(described.length).toBeGreaterThan(40)
  })

  it('has a unique name and the parameters of the path for each route', () => {
    const routes = routesIn(document)
    expect(new Set(routes.map(({ operation }) => operation.operationId)).size).toBe(routes.length)
    for (const { path, operation } of routes) {
      const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name)
      const described = operation.parameters.filter((each) => each.in === 'path')
      expect(described.map(({ name }) => name)).toEqual(inPath)
      expect(described.every(({ required }) => required)).toBe(true)
    }
  })

  it('refers only to schemas that it has, and has none that nothing uses', () => {
    const references = [...JSON.stringify(source).matchAll(/"\$ref":"([^"]+)"/g)]
    const names = new Set(references.map(([, place = '']) => place.replace(/^#.*\//, '')))
    expect([...names].toSorted()).toEqual(Object.keys(document.components.schemas).toSorted())
  })

  it('gives each error a status, and names every code that a response can have', () => {
    const text = JSON.stringify(source)
    // `lost` stays inside, a failed turn is a response with status 200, and an existing route has its method.
    const failures = ['model-failed', 'model-timeout', 'output-invalid']
    const unseen = ['lost', 'method-not-allowed', ...failures]
    for (const code of Object.keys(errorStatus)) {
      if (unseen.includes(code)) continue
      expect(text, code).toContain(`\`${code}\``)
    }
    for (const { operation, path } of routesIn(document)) {
      // Other protocols have errors as JSON only.
      const forms =
        path.startsWith('/v1/') || path === '/mcp'
          ? ['application/json']
          : ['application/json', 'text/plain']
      for (const [status, { content }] of Object.entries(operation.responses)) {
        if (Number(status) < 400 || status === '503') continue
        expect(Object.keys(content ?? {})).toEqual(forms)
      }
    }
  })

  it('requires the key on exactly the routes that refuse a request without it', async () => {
    for (const { method, path, operation } of routesIn(document)) {
      const url = path.replaceAll(/\{\w+\}/g, 'x')
      const { status } = await app.request(url, { method })
      const scopes = operation.security?.flatMap(({ bearer = [] }) => bearer)
      expect([url, scopes?.length]).toEqual([url, status === 401 ? 1 : 0])
    }
  })

  it('names the right to make tokens, and the session that a stream may lack', () => {
    const at = (wanted: string) => routesIn(document).find(({ path }) => path === wanted)?.operation
    expect(at('/api/tokens')?.security).toEqual([{ bearer: ['tokens'] }])
    expect(Object.keys(at('/api/chat/{id}/stream')?.responses ?? {})).toContain('404')
  })

  it('names the header of the user behind a proxy, and no key', async () => {
    const config = readConfig({ HOST: '127.0.0.1', LOOM_AUTH: 'proxy' })
    const proxied = await servedApp({ agents: [assistant], config })
    const text = await (await proxied.request('/openapi.json')).text()
    expect(text).not.toContain('bearer')
    expect(JSON.parse(text)).toMatchObject({
      components: { securitySchemes: { proxy: { in: 'header', name: 'x-forwarded-user' } } },
      paths: { '/api/chat': { get: { security: [{ proxy: ['read'] }] } } },
    })
  })

  it('has no security scheme for a server without keys', async () => {
    const open = await servedApp({ agents: [assistant] })
    const text = await (await open.request('/openapi.json')).text()
    expect(text).not.toContain('bearer')
  })

  it('is served for GET only', async () => {
    for (const path of ['/openapi.json', '/docs']) {
      const response = await app.request(path, { method: 'POST' })
      expect([response.status, response.headers.get('allow')]).toEqual([405, 'GET'])
    }
  })
})

describe('the reference page', () => {
  it('shows every route and schema', async () => {
    const html = await (await app.request('/docs')).text()
    for (const { operation } of routesIn(document)) {
      expect(html).toContain(`<details id="${operation.operationId}">`)
    }
    for (const name of Object.keys(document.components.schemas)) {
      expect(html).toContain(`<details id="${name}">`)
    }
    for (const [, target] of html.matchAll(/href="#(\w+)"/g))
      expect(html).toContain(`id="${target}"`)
  })

  it('runs nothing and loads nothing', async () => {
    const response = await app.request('/docs')
    const html = await response.text()
    const [, style = ''] = /<style>([^]*?)<\/style>/.exec(html) ?? []
    const hash = createHash('sha256').update(style).digest('base64')
    expect(response.headers.get('content-security-policy')).toBe(
      `default-src 'none'; style-src 'sha256-${hash}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
    )
    expect(html).not.toMatch(/<script|<link|<img|<iframe| src=| style=|@import|url\(| on\w+=/)
    const addresses = [...html.matchAll(/href="([^"#]+)"/g)].map(([, address]) => address)
    expect(addresses).toEqual(['openapi.json'])
    expect(html.length).toBeLessThan(200_000)
  })
})

it('the methods of the document are all that the server has', () => {
  const served = new Set(app.routes.map(({ method }) => method.toLowerCase()))
  served.delete('all')
  expect([...served].filter((method) => !methods.some((known) => known === method))).toEqual([])
})
