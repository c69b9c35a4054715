/**
 * Every route, with the scope that it needs. `routes/access.ts` enforces the scopes from this table and refuses a
 * route that it lacks, and the isolation suite (`test/access/isolation/`) calls each route for another principal.
 */
import type { Scope } from '../src/ground/principal.ts'

export const methods = ['GET', 'POST', 'PUT', 'DELETE'] as const
export type Method = (typeof methods)[number]

/** `public`: every client may call the route, also without a credential. */
export interface Route {
  method: Method
  path: string
  scope: Scope | 'public'
  /** Whether an operator may call the route, who governs all tenants and has no scopes. @defaultValue false */
  isForOperators?: true
}

/** A route of sessions. `handler` is its name in `session-handlers.ts`, and `path` follows the base. */
interface SessionRoute {
  handler: string
  method: Method
  path: string
  scope: Scope
}

/** The paths before the routes of sessions. */
export const sessionBases = ['/chat', '/agents/:agent/chat'] as const

export const sessionRouteTable = [
  { handler: 'post', method: 'POST', path: '', scope: 'chat' },
  { handler: 'list', method: 'GET', path: '', scope: 'read' },
  { handler: 'show', method: 'GET', path: '/:id', scope: 'read' },
  { handler: 'remove', method: 'DELETE', path: '/:id', scope: 'chat' },
  { handler: 'resume', method: 'GET', path: '/:id/stream', scope: 'read' },
  { handler: 'socket', method: 'GET', path: '/:id/socket', scope: 'read' },
  { handler: 'stop', method: 'POST', path: '/:id/stop', scope: 'chat' },
  { handler: 'messages', method: 'GET', path: '/:id/messages', scope: 'read' },
  { handler: 'branches', method: 'GET', path: '/:id/branches', scope: 'read' },
  { handler: 'file', method: 'GET', path: '/:id/files/:hash', scope: 'read' },
  // It shows the system prompt and the tools of the agent.
  { handler: 'prompt', method: 'GET', path: '/:id/prompt', scope: 'admin' },
  { handler: 'inspect', method: 'GET', path: '/:id/inspect', scope: 'admin' },
  { handler: 'queue', method: 'GET', path: '/:id/queue', scope: 'read' },
  { handler: 'runQueue', method: 'POST', path: '/:id/queue/run', scope: 'chat' },
  { handler: 'withdraw', method: 'DELETE', path: '/:id/queue/:messageId', scope: 'chat' },
  { handler: 'schedules', method: 'GET', path: '/:id/schedules', scope: 'read' },
  { handler: 'addSchedule', method: 'POST', path: '/:id/schedules', scope: 'chat' },
  {
    handler: 'removeSchedule',
    method: 'DELETE',
    path: '/:id/schedules/:scheduleId',
    scope: 'chat',
  },
  { handler: 'tasks', method: 'GET', path: '/:id/tasks', scope: 'read' },
  { handler: 'members', method: 'GET', path: '/:id/members', scope: 'read' },
  { handler: 'setMembers', method: 'PUT', path: '/:id/members', scope: 'chat' },
  { handler: 'fork', method: 'POST', path: '/:id/fork', scope: 'chat' },
  { handler: 'answerTool', method: 'POST', path: '/:id/tools/:toolCallId', scope: 'chat' },
  { handler: 'decide', method: 'POST', path: '/:id/approvals/:approvalId', scope: 'chat' },
] as const satisfies readonly SessionRoute[]

/** The routes of OpenAI's API. `handler` is their name in `openai/handlers.ts`, and `path` follows `/v1`. */
export const openAiRouteTable = [
  { handler: 'chatCompletions', method: 'POST', path: '/chat/completions', scope: 'chat' },
  { handler: 'createResponse', method: 'POST', path: '/responses', scope: 'chat' },
  { handler: 'retrieveResponse', method: 'GET', path: '/responses/:id', scope: 'read' },
  { handler: 'deleteResponse', method: 'DELETE', path: '/responses/:id', scope: 'chat' },
  { handler: 'cancelResponse', method: 'POST', path: '/responses/:id/cancel', scope: 'chat' },
  { handler: 'listInputItems', method: 'GET', path: '/responses/:id/input_items', scope: 'read' },
  { handler: 'models', method: 'GET', path: '/models', scope: 'read' },
  { handler: 'model', method: 'GET', path: '/models/:model', scope: 'read' },
] as const satisfies readonly SessionRoute[]

/** The routes of MCP. `handler` is their name in `mcp/handlers.ts`, and `path` follows `/mcp`. */
export const mcpRouteTable = [
  { handler: 'post', method: 'POST', path: '/', scope: 'chat' },
  { handler: 'resume', method: 'GET', path: '/', scope: 'read' },
  { handler: 'end', method: 'DELETE', path: '/', scope: 'chat' },
] as const satisfies readonly SessionRoute[]

/** The routes of AG-UI. `handler` is their name in `ag-ui/handlers.ts`, and `path` follows `/ag-ui`. */
export const agUiRouteTable = [
  { handler: 'run', method: 'POST', path: '/:agent', scope: 'chat' },
  { handler: 'capabilities', method: 'GET', path: '/:agent', scope: 'read' },
] as const satisfies readonly SessionRoute[]

/** The routes with which an admin governs its tenant. */
export const adminRouteTable = [
  { method: 'GET', path: '/api/admin/sessions', scope: 'admin' },
  { method: 'GET', path: '/api/admin/sessions/:id', scope: 'admin' },
  { method: 'GET', path: '/api/admin/sessions/:id/inspect', scope: 'admin' },
  { method: 'DELETE', path: '/api/admin/sessions/:id', scope: 'admin' },
  { method: 'POST', path: '/api/admin/sessions/:id/stop', scope: 'admin' },
  { method: 'GET', path: '/api/admin/export', scope: 'admin' },
  { method: 'POST', path: '/api/admin/erase', scope: 'admin' },
  { method: 'GET', path: '/api/admin/audit', scope: 'admin' },
  { method: 'GET', path: '/api/admin/instances', scope: 'admin' },
  { method: 'POST', path: '/api/admin/instances/:id/drain', scope: 'admin' },
] as const satisfies readonly Route[]

/** Every route of `createApp`. */
export const routeTable: readonly Route[] = [
  ...sessionBases.flatMap((base) =>
    sessionRouteTable.map(({ method, path, scope }) => ({
      method,
      path: `/api${base}${path}`,
      scope,
    })),
  ),
  ...openAiRouteTable.map(({ method, path, scope }) => ({ method, path: `/v1${path}`, scope })),
  ...mcpRouteTable.map(({ method, scope }) => ({ method, path: '/mcp', scope })),
  ...agUiRouteTable.map(({ method, path, scope }) => ({ method, path: `/ag-ui${path}`, scope })),
  // The route itself checks that the principal may make tokens.
  { method: 'POST', path: '/api/tokens', scope: 'read' },
  ...adminRouteTable.map((row) => ({ ...row, isForOperators: true as const })),
  { method: 'GET', path: '/api/agents', scope: 'read' },
  { method: 'GET', path: '/api/models', scope: 'read' },
  { method: 'GET', path: '/.well-known/oauth-protected-resource/mcp', scope: 'public' },
  { method: 'GET', path: '/healthz', scope: 'public' },
  { method: 'GET', path: '/readyz', scope: 'public' },
  // The metrics are sums over all tenants.
  { method: 'GET', path: '/metrics', scope: 'admin', isForOperators: true },
  { method: 'GET', path: '/openapi.json', scope: 'public' },
  { method: 'GET', path: '/docs', scope: 'public' },
  { method: 'GET', path: '/', scope: 'public' },
  { method: 'GET', path: '/:name{[a-z0-9-]+\\.(?:js|css|svg)}', scope: 'public' },
]
