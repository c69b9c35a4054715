/**
 * A span for each request, from its arrival to the end of its response. Its parent is the span of the sender, in
 * the header `traceparent`. If an instrumentation of the program has already made a span for the request, that span
 * is the parent.
 */
import {
  type Context,
  context,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  trace,
  type Tracer,
} from '@opentelemetry/api'

import type { RequestEnd, RequestNote, RequestWatch } from '../request-watch.ts'
import { markFailed } from './failure.ts'
import { withHeaders } from './trace-headers.ts'

/** Load balancers and Prometheus ask for these every few seconds. */
const checks = new Set(['/healthz', '/readyz', '/metrics'])

export function requestSpans(tracer: Tracer): RequestWatch {
  return (request) => {
    if (checks.has(request.path)) return { onEnd: () => {} }
    const { method } = request
    const options = { kind: SpanKind.SERVER, attributes: { 'http.request.method': method } }
    const above = contextAbove(request)
    const span = tracer.startSpan(method, options, above)
    return {
      within: (handle) => context.with(trace.setSpan(above, span), handle),
      onEnd: (end) => endSpan(span, request, end),
    }
  }
}

function contextAbove({ trace: headers = {} }: RequestNote): Context {
  const active = context.active()
  return trace.getSpan(active) === undefined ? withHeaders(ROOT_CONTEXT, headers) : active
}

function endSpan(span: Span, request: RequestNote, { route, status, code, isAborted }: RequestEnd) {
  const { id, method, sessionId, messageId, principal, subject } = request
  // The path itself may hold anything that a client sends.
  span.updateName(route === 'none' ? method : `${method} ${route}`)
  span.setAttributes({
    ...(route !== 'none' && { 'http.route': route }),
    'http.response.status_code': status,
    'gen_ai.conversation.id': sessionId,
    'loom.request.id': id,
    'loom.message.id': messageId,
    'loom.tenant': principal,
    'user.id': subject,
    ...(isAborted && { 'loom.request.aborted': true }),
  })
  if (status >= 500) markFailed(span, code ?? String(status))
  else if (code !== undefined) span.setAttribute('error.type', code)
  span.end()
}
