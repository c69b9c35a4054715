/** A request that could reach a session of another principal, for each route of the table. */
import { responseId } from '../../../routes/openai/response-key.ts'
import type { Route } from '../../../routes/route-table.ts'
import { routeTable } from '../../../routes/route-table.ts'

/** The ids that belong to ada. */
export interface Ids {
  sessions: string[]
  toolCallId: string
  approvalId: string
  messageId: string
  scheduleId: string
  /** The last answer of each session. */
  answers: Readonly<Record<string, string>>
}

interface Plan {
  /** The path after the base of the route. */
  path: string
  headers?: Record<string, string>
  body?: unknown
}

/** The id of a response in a session, as the server makes it. */
function responseOf(id: string, { answers }: Ids): string {
  const session = decodeURIComponent(id)
  return responseId({
    session,
    logId: answers[session] ?? '',
    part: 0,
    inputs: 1,
    createdAt: 0,
    isBackground: true,
    isStructured: false,
    isOwnSession: true,
    letterId: undefined,
  })
}

/** By the suffix of the route after the base. */
export const plans: Readonly<Record<string, (id: string, ids: Ids) => Plan>> = {
  'POST ': (id) => ({ path: '', body: { id: decodeURIComponent(id), message: 'Let me in' } }),
  'GET ': () => ({ path: '' }),
  'GET /:id': (id) => ({ path: `/${id}` }),
  'DELETE /:id': (id) => ({ path: `/${id}` }),
  'GET /:id/stream': (id) => ({ path: `/${id}/stream` }),
  'GET /:id/socket': (id) => ({ path: `/${id}/socket` }),
  'POST /:id/stop': (id) => ({ path: `/${id}/stop?tree=1`, body: { queue: 'clear' } }),
  'GET /:id/messages': (id) => ({ path: `/${id}/messages` }),
  'GET /:id/files/:hash': (id) => ({ path: `/${id}/files/${'0'.repeat(64)}` }),
  'GET /:id/branches': (id) => ({ path: `/${id}/branches` }),
  'GET /:id/prompt': (id) => ({ path: `/${id}/prompt` }),
  'GET /:id/inspect': (id) => ({ path: `/${id}/inspect` }),
  'GET /:id/queue': (id) => ({ path: `/${id}/queue` }),
  'POST /:id/queue/run': (id) => ({ path: `/${id}/queue/run` }),
  'DELETE /:id/queue/:messageId': (id, { messageId }) => ({ path: `/${id}/queue/${messageId}` }),
  'GET /:id/schedules': (id) => ({ path: `/${id}/schedules` }),
  'POST /:id/schedules': (id) => ({
    path: `/${id}/schedules`,
    body: { message: 'Later', after: 1e9 },
  }),
  'DELETE /:id/schedules/:scheduleId': (id, { scheduleId }) => ({
    path: `/${id}/schedules/${scheduleId}`,
  }),
  'GET /:id/tasks': (id) => ({ path: `/${id}/tasks` }),
  'GET /:id/members': (id) => ({ path: `/${id}/members` }),
  'PUT /:id/members': (id) => ({
    path: `/${id}/members`,
    body: { members: [{ subject: 'mallory', role: 'writer' }] },
  }),
  'POST /:id/fork': (id) => ({ path: `/${id}/fork`, body: { branch: 1 } }),
  'POST /:id/tools/:toolCallId': (id, { toolCallId }) => ({
    path: `/${id}/tools/${toolCallId}`,
    body: { output: 'mine' },
  }),
  'POST /:id/approvals/:approvalId': (id, { approvalId }) => ({
    path: `/${id}/approvals/${approvalId}`,
    body: { approved: true },
  }),
  'POST /chat/completions': (id) => ({
    path: '/chat/completions',
    body: {
      model: 'lead',
      messages: [{ role: 'user', content: 'Let me in' }],
      metadata: { session_id: decodeURIComponent(id) },
    },
  }),
  'POST /mcp': (id) => ({
    path: '/mcp',
    body: {
      jsonrpc: '2.0',
      id: 1,
      method: 'tools/call',
      params: {
        name: 'lead',
        arguments: { message: 'Let me in', session: decodeURIComponent(id) },
      },
    },
  }),
  'GET /mcp': (id, { messageId }) => ({
    path: '/mcp',
    headers: {
      'last-event-id': Buffer.from(
        JSON.stringify({
          session: decodeURIComponent(id),
          logId: messageId,
          progress: 0,
          asked: [],
          requestId: 1,
          tool: 'lead',
        }),
      ).toString('base64url'),
    },
  }),
  'POST /:agent': (id) => ({
    path: '/lead',
    body: {
      threadId: decodeURIComponent(id),
      runId: 'run',
      messages: [{ id: 'message', role: 'user', content: 'Let me in' }],
    },
  }),
  'POST /responses': (id) => ({
    path: '/responses',
    body: { model: 'lead', input: 'Let me in', conversation: decodeURIComponent(id) },
  }),
  'GET /responses/:id': (id, ids) => ({ path: `/responses/${responseOf(id, ids)}` }),
  'DELETE /responses/:id': (id, ids) => ({ path: `/responses/${responseOf(id, ids)}` }),
  'POST /responses/:id/cancel': (id, ids) => ({
    path: `/responses/${responseOf(id, ids)}/cancel`,
  }),
  'GET /responses/:id/input_items': (id, ids) => ({
    path: `/responses/${responseOf(id, ids)}/input_items`,
  }),
  'GET /sessions': () => ({ path: '/sessions?subject=ada' }),
  'GET /sessions/:id': (id) => ({ path: `/sessions/${id}` }),
  'GET /sessions/:id/inspect': (id) => ({ path: `/sessions/${id}/inspect` }),
  'DELETE /sessions/:id': (id) => ({ path: `/sessions/${id}` }),
  'POST /sessions/:id/stop': (id) => ({ path: `/sessions/${id}/stop` }),
  'GET /audit': () => ({ path: '/audit' }),
  'GET /instances': () => ({ path: '/instances' }),
  'POST /instances/:id/drain': () => ({ path: '/instances/none/drain' }),
  'GET /export': () => ({ path: '/export?subject=ada' }),
  'POST /erase': () => ({ path: '/erase', body: { subject: 'ada', confirm: 'ada' } }),
}

/** Routes that know no session. Their answers must not contain anything of ada either. */
export const withoutSessions: ReadonlySet<string> = new Set([
  'POST /api/tokens',
  'GET /api/agents',
  'GET /api/models',
  'GET /v1/models',
  'GET /v1/models/:model',
  // An MCP session has no content.
  'DELETE /mcp',
  'GET /ag-ui/:agent',
  'GET /.well-known/oauth-protected-resource/mcp',
  'GET /healthz',
  'GET /readyz',
  // The metrics are sums over all tenants, without ids. `test/monitoring/` checks it.
  'GET /metrics',
  'GET /openapi.json',
  'GET /docs',
  'GET /',
  'GET /:name{[a-z0-9-]+\\.(?:js|css|svg)}',
])

// The last one has every other path.
const bases = ['', '/api/chat', '/api/agents/:agent/chat', '/api/admin', '/v1', '/ag-ui']

export const nameOf = ({ method, path }: Route): string => `${method} ${path}`

/** Returns the base and the suffix of a route of sessions. */
export function partsOf({ method, path }: Route): { base?: string; suffix?: string } {
  const base = bases.findLast((each) => path.startsWith(each))
  return base === undefined ? {} : { base, suffix: `${method} ${path.slice(base.length)}` }
}

/** The routes that need a plan. */
export const sessionRows: readonly Route[] = routeTable.filter(
  (row) => !withoutSessions.has(nameOf(row)),
)
