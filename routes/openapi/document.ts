/**
 * The OpenAPI 3.1 document of the server. It is made from the schemas that check the requests and from
 * the list of the routes. A test compares the list with the routes of the server.
 */
import { errorStatus, type LoomErrorCode } from '../../src/ground/error.ts'
import { routeTable } from '../route-table.ts'
import { adminOperations } from './admin-operations.ts'
import { agUiOperations } from './ag-ui-operations.ts'
import { componentSchemas, reference } from './component-schemas.ts'
import { mcpOperations } from './mcp-operations.ts'
import { openAiOperations } from './openai-operations.ts'
import type { Answer, JsonSchema, Operation, SchemaOf } from './operation.ts'
import { parametersIn } from './parameters.ts'
import { serverOperations } from './server-operations.ts'
import { sessionOperations } from './session-operations.ts'

export interface DocumentOptions {
  /** The version of Loom. */
  version: string
  /** How the server knows its callers. Empty if it requires no credential. */
  credentials: readonly Credential[]
}

/** A bearer credential, or the header in which a proxy names the user. */
export type Credential = 'bearer' | { header: string }

/** All routes of the server. */
export const operations: readonly Operation[] = [
  ...serverOperations,
  ...adminOperations,
  ...openAiOperations,
  ...mcpOperations,
  ...agUiOperations,
  ...sessionOperations.map((operation) => ({
    ...operation,
    path: `/api/chat${operation.path}`,
    tag: 'Sessions',
  })),
  ...sessionOperations.map((operation) => ({
    ...operation,
    id: `${operation.id}OfAgent`,
    path: `/api/agents/:agent/chat${operation.path}`,
    summary: `${operation.summary} The agent of the path answers.`,
    tag: 'Sessions of one agent',
  })),
]

/** The errors of every route that needs a scope. */
const commonErrors: readonly LoomErrorCode[] = [
  'invalid-request',
  'unauthorized',
  'limited',
  'forbidden',
  'forbidden-origin',
  'unavailable',
  'internal',
]

/** The errors of every route that reads a body. */
const bodyErrors: readonly LoomErrorCode[] = ['payload-too-large', 'aborted']

export function openApiDocument({ version, credentials }: DocumentOptions): JsonSchema {
  const paths: Record<string, Record<string, unknown>> = {}
  for (const operation of operations) {
    const path = (paths[templateOf(operation.path)] ??= {})
    path[operation.method] = operationObject(operation, credentials)
  }
  return {
    openapi: '3.1.1',
    info: {
      title: 'Loom',
      version,
      description:
        'A server for AI agents. An error before the first byte of an answer is a status and one readable line, or with `Accept: application/json` an object with a code.',
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [{ url: '/' }],
    tags: [...new Set(operations.map(({ tag }) => tag))].map((name) => ({ name })),
    paths,
    components: {
      schemas: componentSchemas(),
      ...(credentials.length > 0 && {
        securitySchemes: Object.fromEntries(
          credentials.map((credential) => [schemeName(credential), schemeOf(credential)]),
        ),
      }),
    },
  }
}

/** `/api/chat/:id` as `/api/chat/{id}`. */
const templateOf = (path: string) => path.replaceAll(/:(\w+)/g, '{$1}')

const schemeName = (credential: Credential) => (credential === 'bearer' ? 'bearer' : 'proxy')

const ofScopes = 'The names in the list of a route are the scopes that it needs.'

const schemeOf = (credential: Credential): JsonSchema =>
  credential === 'bearer'
    ? {
        type: 'http',
        scheme: 'bearer',
        description: `An API key, a token of \`POST /api/tokens\` or a JWT, as the server is set. ${ofScopes}`,
      }
    : {
        type: 'apiKey',
        in: 'header',
        name: credential.header,
        description: `The user, as the proxy in front of the server names it. Clients do not send this header. ${ofScopes}`,
      }

function operationObject(operation: Operation, credentials: readonly Credential[]): JsonSchema {
  const { id, summary, tag, body, path, parameters = [] } = operation
  const scope = scopeOf(operation)
  const all = [...parametersIn(path), ...parameters]
  return {
    operationId: id,
    summary,
    tags: [tag],
    ...(all.length > 0 && {
      parameters: all.map((each) => ({ ...each, ...(each.in === 'path' && { required: true }) })),
    }),
    ...(body !== undefined && {
      requestBody: {
        required: body.isOptional !== true,
        content: contentOf({ 'application/json': body.schema }),
      },
    }),
    responses: responsesOf(operation),
    ...(credentials.length > 0 && {
      security:
        scope === 'public'
          ? []
          : credentials.map((each) => ({ [schemeName(each)]: [operation.right ?? scope] })),
    }),
  }
}

/** The scope that the table of routes asks for. */
const scopeOf = ({ method, path }: Operation) =>
  routeTable.find((row) => row.method.toLowerCase() === method && row.path === path)?.scope ??
  'admin'

function responsesOf(operation: Operation): JsonSchema {
  const { answers, errors = [], body, errorSchema } = operation
  const responses: Record<string, JsonSchema> = {}
  for (const [status, answer] of Object.entries(answers)) responses[status] = responseObject(answer)
  const codes = [
    ...errors,
    ...(scopeOf(operation) === 'public' ? ['forbidden-origin' as const] : commonErrors),
    ...(body === undefined ? [] : bodyErrors),
  ]
  for (const status of new Set(codes.map(statusOf))) {
    const names = codes.filter((code) => statusOf(code) === status)
    responses[status] ??= errorResponse(names, errorSchema)
  }
  return responses
}

/** The status that a client sees: it has closed the connection before a 499. */
const statusOf = (code: LoomErrorCode): number => (code === 'aborted' ? 400 : errorStatus[code])

const responseObject = ({ description, content, headers }: Answer): JsonSchema => ({
  description,
  ...(headers !== undefined && {
    headers: Object.fromEntries(
      Object.entries(headers).map(([name, meaning]) => [
        name,
        { description: meaning, schema: { type: 'string' } },
      ]),
    ),
  }),
  ...(content !== undefined && { content: contentOf(content) }),
})

const errorResponse = (codes: readonly LoomErrorCode[], schema?: string): JsonSchema => ({
  description: `An error with the code ${[...new Set(codes)].map((code) => `\`${code}\``).join(' or ')}.`,
  content: contentOf(
    schema === undefined
      ? { 'application/json': 'Error', 'text/plain': { type: 'string' } }
      : { 'application/json': schema },
  ),
})

const contentOf = (content: Readonly<Record<string, SchemaOf>>) =>
  Object.fromEntries(
    Object.entries(content).map(([type, schema]) => [
      type,
      { schema: typeof schema === 'string' ? reference(schema) : schema },
    ]),
  )
