/** The log lines of requests. A check of a load balancer or of Prometheus is a line of the level `debug`. */
import { publicId } from '../session/tenant-ids.ts'
import type { RequestEnd, RequestNote, RequestWatch } from './request-watch.ts'

type Audit = NonNullable<RequestNote['audit']>

export type Severity = 'error' | 'warn' | 'info' | 'debug'

type Write = (severity: Severity, fields: object) => void

export function requestLog(write: Write): RequestWatch {
  return (request) => ({
    onEnd(end) {
      const ids = idsOf(request)
      if (end.code === 'unauthorized') {
        write('warn', { event: 'authentication-failed', ...ids, address: request.address })
      }
      if (request.audit !== undefined) write('info', { ...ids, ...auditFields(request.audit) })
      write(severityOf(end), { event: 'request', ...ids, ...fieldsOf(request, end) })
    },
  })
}

const idsOf = ({ id, sessionId, messageId, principal, subject, operator }: RequestNote) => ({
  requestId: id,
  sessionId,
  messageId,
  principal,
  subject,
  operator,
})

function auditFields({ tenant, sessionId, by, action, ...about }: Audit): object {
  return {
    event: 'audit',
    action,
    principal: tenant,
    ...(sessionId !== undefined && { sessionId: publicId(tenant, sessionId) }),
    by,
    ...about,
  }
}

const fieldsOf = (
  { method }: RequestNote,
  { route, status, headMs, durationMs, code, isAborted }: RequestEnd,
) => ({
  method,
  // The path itself may hold anything that a client sends.
  route,
  status,
  code,
  headMs: Math.round(headMs),
  durationMs: Math.round(durationMs),
  ...(isAborted && { aborted: true }),
})

const checks = new Set(['/healthz', '/readyz', '/metrics'])

function severityOf({ route, status }: RequestEnd): Severity {
  if (status >= 500 && !checks.has(route)) return 'error'
  return checks.has(route) ? 'debug' : 'info'
}
