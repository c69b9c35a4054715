/** The routes with which an admin governs its tenant. */
import { json, type Operation } from './operation.ts'
import { query, whole } from './parameters.ts'

const tag = 'Governing'

const tenant = query('tenant', 'The tenant. An operator must name it, an admin may leave it out.')
const subject = query('subject', 'Only the sessions of this subject.')

export const adminOperations: readonly Operation[] = [
  {
    method: 'get',
    path: '/api/admin/sessions',
    id: 'listTenantSessions',
    summary: 'Lists the sessions of the tenant with their owners, the last used first.',
    tag,
    parameters: [
      query('tenant', 'The tenant. Without it, an operator gets the sessions of all tenants.'),
      query('from', '`next` of the previous page of a list over all tenants.'),
      query('subject', 'Only the sessions of this subject, and those shared with it.'),
      query('limit', 'The number of sessions, at most 200. The default is 50.', whole(1_000_000)),
      query('before', '`before` of the previous page.', whole(Number.MAX_SAFE_INTEGER)),
    ],
    answers: { 200: json('A page of sessions.', 'AdminSessions') },
  },
  {
    method: 'get',
    path: '/api/admin/sessions/:id',
    id: 'showTenantSession',
    summary: 'Returns a session of any subject, with its owner and its tasks.',
    tag,
    parameters: [tenant],
    answers: { 200: json('The session.', 'AdminSession') },
    errors: ['not-found'],
  },
  {
    method: 'get',
    path: '/api/admin/sessions/:id/inspect',
    id: 'inspectTenantSession',
    summary: 'Returns the inner state of a session of any subject.',
    tag,
    parameters: [tenant],
    answers: { 200: json('The inner state.', 'Inspection') },
    errors: ['not-found'],
  },
  {
    method: 'delete',
    path: '/api/admin/sessions/:id',
    id: 'deleteTenantSession',
    summary: 'Deletes a session of any subject, with its tasks.',
    tag,
    parameters: [tenant],
    answers: { 204: { description: 'The session is deleted.' } },
    errors: ['not-found'],
  },
  {
    method: 'post',
    path: '/api/admin/sessions/:id/stop',
    id: 'stopTenantSession',
    summary: 'Stops a session of any subject, its tasks and its queue.',
    tag,
    parameters: [tenant],
    body: {
      schema: { type: 'object', additionalProperties: false, properties: {} },
      isOptional: true,
    },
    answers: { 200: json('The result of the stop.', 'Stopped') },
    errors: ['not-found'],
  },
  {
    method: 'get',
    path: '/api/admin/export',
    id: 'exportTenant',
    summary: 'Streams the sessions of the tenant or of a subject, one as JSON on each line.',
    tag,
    parameters: [tenant, subject],
    answers: {
      200: {
        description: 'Lines of JSON.',
        content: { 'application/jsonl': { type: 'string' } },
      },
    },
  },
  {
    method: 'post',
    path: '/api/admin/erase',
    id: 'eraseOwner',
    summary: 'Erases all sessions of a subject or of the tenant.',
    tag,
    parameters: [tenant],
    body: { schema: 'Erase' },
    answers: { 200: json('The certificate.', 'Certificate') },
  },
  {
    method: 'get',
    path: '/api/admin/audit',
    id: 'listAudit',
    summary: 'Lists what principals of the tenant did, the last act first.',
    tag,
    parameters: [
      tenant,
      query('limit', 'The number of events, at most 200. The default is 50.', whole(1_000_000)),
      query('before', '`before` of the previous page.'),
    ],
    answers: { 200: json('A page of events.', 'Audit') },
  },
  {
    method: 'get',
    path: '/api/admin/instances',
    id: 'listInstances',
    summary: 'Lists the instances of the server. For operators.',
    tag,
    answers: { 200: json('The instances, the oldest first.', 'Instances') },
  },
  {
    method: 'post',
    path: '/api/admin/instances/:id/drain',
    id: 'drainInstance',
    summary: 'Asks an instance to hand its turns over and to take no new ones. For operators.',
    tag,
    body: {
      schema: { type: 'object', additionalProperties: false, properties: {} },
      isOptional: true,
    },
    answers: { 202: json('The instance.', 'Instance') },
    errors: ['not-found', 'refused'],
  },
]
