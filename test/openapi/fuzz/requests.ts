/** Random requests to the routes of the document: valid, nearly valid, and hostile. */
import * as fc from 'fast-check'

import { fieldsOf } from '../../../src/ground/fields.ts'
import type { Document, Route } from '../document-form.ts'
import { routesIn } from '../document-form.ts'
import { type Schemas, valuesOf } from './schema-values.ts'

/** A value, or the number of an id that the caller has seen. */
export type PathValue = { kind: 'text'; text: string } | { kind: 'seen'; index: number }

export interface FuzzRequest {
  route: Route
  /** 0 or 1: the principal that sends it. */
  principal: number
  kind: 'valid' | 'near' | 'hostile'
  path: Record<string, PathValue>
  query: Record<string, string>
  headers: Record<string, string>
  /** A value that is sent as JSON, or a text that is sent as it is. Undefined without a body. */
  body: { json: unknown } | { raw: string } | undefined
}

const hostileTexts = [
  '',
  '\u0000',
  '..',
  '%2e%2e',
  '../../healthz',
  '__proto__',
  'constructor',
  'a'.repeat(5000),
  '{loom}:1',
  "' OR 1=1 --",
  '<script>',
  '\ud800',
  '💥'.repeat(100),
  'null',
  '-1',
  '1e309',
]

const hostileBodies = [
  '',
  '{',
  'null',
  '[]',
  '"text"',
  '{"__proto__":{"a":1}}',
  '{"message":"Hi","constructor":{"prototype":{}}}',
  '['.repeat(5000),
  `{"message":${'{"a":'.repeat(150)}1${'}'.repeat(150)}}`,
  '{"message":"\\ud800"}',
  '{"id":"x","id":"y","message":"Hi"}',
  `{"message":"${'a'.repeat(200_000)}"}`,
  '{"messages":[{"role":"user","content":{"length":1e9}}]}',
  '{"at":1e999,"message":"Hi"}',
  'message=Hi&id=x',
]

const hostileHeaders: readonly Record<string, string>[] = [
  { 'content-type': 'text/xml' },
  { 'content-encoding': 'gzip' },
  { accept: '*/*;q=0, application/json' },
  { 'last-event-id': '99999999999-99999999999' },
  { prefer: 'respond-async, wait=-1' },
  { 'idempotency-key': 'k'.repeat(300) },
  { origin: 'https://evil.example' },
  { 'x-forwarded-host': 'evil.example' },
  { 'x-loom-profile': '__proto__' },
  { authorization: 'Bearer ' },
]

const odd: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom(...hostileTexts),
  fc.jsonValue({ maxDepth: 3 }),
  fc.constantFrom(1e308, -0, 2 ** 53, [], {}, [[[]]]),
)

export function requestsOf(document: Document): fc.Arbitrary<FuzzRequest> {
  const { schemas } = document.components
  const routes = routesIn(document)
  // Requests with a body come more often, and messages most often: without them there is nothing to find.
  const posts = routes.filter(({ operation }) => operation.requestBody !== undefined)
  const chats = posts.filter(({ path }) => path.endsWith('/chat'))
  const byRoute = new Map<Route, fc.Arbitrary<FuzzRequest>>()
  return fc
    .oneof(
      { weight: 3, arbitrary: fc.constantFrom(...routes) },
      { weight: 2, arbitrary: fc.constantFrom(...posts) },
      { weight: 2, arbitrary: fc.constantFrom(...chats) },
    )
    .chain((route) => requestsTo(route))

  /** Made once for each route: the schemas of a body are large. */
  function requestsTo(route: Route): fc.Arbitrary<FuzzRequest> {
    const made = byRoute.get(route)
    if (made !== undefined) return made
    const requests = fc.oneof(
      { weight: 7, arbitrary: requestOf(route, schemas, 'valid') },
      { weight: 3, arbitrary: requestOf(route, schemas, 'near') },
      { weight: 2, arbitrary: requestOf(route, schemas, 'hostile') },
    )
    byRoute.set(route, requests)
    return requests
  }
}

function requestOf(
  route: Route,
  schemas: Schemas,
  kind: FuzzRequest['kind'],
): fc.Arbitrary<FuzzRequest> {
  const { parameters, requestBody } = route.operation
  const valueFor = (schema: Record<string, unknown>): fc.Arbitrary<string> => {
    const value = valuesOf(schema, schemas).map(String)
    if (kind === 'valid') return value
    return fc.oneof(value, fc.constantFrom(...hostileTexts))
  }
  const pathValue = (text: fc.Arbitrary<string>): fc.Arbitrary<PathValue> =>
    fc.oneof(
      { weight: 6, arbitrary: fc.record({ kind: fc.constant('seen' as const), index: fc.nat() }) },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant('text' as const), text }) },
    )
  const place = (where: string) => parameters.filter((each) => each.in === where)
  const optional = (where: string) =>
    fc
      .tuple(
        ...place(where).map(({ name, schema }) =>
          fc
            .tuple(valueFor(schema), fc.nat({ max: 4 }))
            .map(([value, chance]) => (chance === 0 ? [[name, value] as const] : [])),
        ),
      )
      .map((entries): Record<string, string> => Object.fromEntries(entries.flat()))
  const [schema] = Object.values(requestBody?.content ?? {}).map((each) => each.schema)
  return fc
    .record({
      principal: fc.nat({ max: 1 }),
      path: fc.record(
        Object.fromEntries(
          place('path').map(({ name, schema }) => [name, pathValue(valueFor(schema))]),
        ),
      ),
      query: optional('query'),
      headers: optional('header'),
      accept: fc.constantFrom({}, {}, { accept: 'application/json' }, { prefer: 'respond-async' }),
      hostile: fc.constantFrom(...hostileHeaders),
      body: bodiesOf(schema, schemas, kind),
    })
    .map(({ accept, hostile, headers, ...request }) => ({
      ...request,
      route,
      kind,
      headers: { ...headers, ...accept, ...(kind === 'hostile' && hostile) },
    }))
}

function bodiesOf(
  schema: Record<string, unknown> | undefined,
  schemas: Schemas,
  kind: FuzzRequest['kind'],
): fc.Arbitrary<FuzzRequest['body']> {
  if (schema === undefined) return fc.constant(undefined)
  const json = valuesOf(schema, schemas)
  switch (kind) {
    case 'valid':
      return json.map((value) => ({ json: value }))
    case 'near':
      return fc
        .tuple(json, fc.nat(), odd, fc.nat({ max: 3 }))
        .map(([value, at, other, change]) => ({
          json: changed(value, { at, other, change }),
        }))
    case 'hostile':
      return fc.oneof(
        fc.constantFrom(...hostileBodies).map((raw) => ({ raw })),
        fc.string().map((raw) => ({ raw })),
        odd.map((value) => ({ json: value })),
      )
  }
}

/** Changes one field somewhere in a value: another value, none, or a new name. */
function changed(
  value: unknown,
  { at, other, change }: { at: number; other: unknown; change: number },
): unknown {
  if (typeof value !== 'object' || value === null) return other
  const keys = Object.keys(value)
  const key = keys[at % Math.max(keys.length, 1)]
  if (key === undefined) return change === 0 ? other : { surprise: other }
  const inner = fieldsOf(value)[key]
  const next =
    change === 0 || typeof inner !== 'object' || inner === null
      ? other
      : changed(inner, { at: Math.floor(at / keys.length), other, change })
  if (Array.isArray(value))
    return value.map((each: unknown, index) => (String(index) === key ? next : each))
  if (change === 1) return { ...value, [`${key}s`]: other }
  const rest = Object.fromEntries(Object.entries(value).filter(([name]) => name !== key))
  return change === 2 ? rest : { ...rest, [key]: next }
}
