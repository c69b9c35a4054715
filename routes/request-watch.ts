/**
 * Watches each request from its arrival to the end of its response, for the metrics, the log and the traces.
 * The response of a stream ends long after its handler. The id of a request is the header `x-request-id`, so
 * that the lines of a proxy and of this server name the same request.
 */
import { randomUUID } from 'node:crypto'

import type { Context, MiddlewareHandler } from 'hono'

import type { TraceHeaders } from '../src/ground/trace.ts'
import type { RequestWatch } from '../src/server/request-watch.ts'
import { outgoingOf } from '../src/wire/node-pipe.ts'
import { setNote, type WatchedRequest } from './request-note.ts'

/** Text that a log line and a header can hold without quotes. */
const requestId = /^[\w.:+/=@-]{1,128}$/

export function watchRequests(watches: readonly RequestWatch[]): MiddlewareHandler {
  return async function watched(c, next) {
    const startedAt = performance.now()
    const { method, path } = c.req
    const given = c.req.header('x-request-id') ?? ''
    const outgoing = outgoingOf(c)
    const note: WatchedRequest = {
      id: requestId.test(given) ? given : randomUUID(),
      method,
      path,
      address: outgoing?.socket?.remoteAddress,
      trace: traceIn(c),
    }
    setNote(c, note)
    c.header('x-request-id', note.id)
    const listeners = watches.map((watch) => watch(note))
    // The connection may close before the handler returns.
    const { promise: closed, resolve } = Promise.withResolvers<void>()
    outgoing?.once('close', resolve)
    await listeners.reduce(
      (handle, { within }) => (within === undefined ? handle : () => within(handle)),
      next,
    )()
    const headMs = performance.now() - startedAt
    const { status, headers } = c.res
    const route = routeOf(c)
    // A stream writes to the socket itself; see `src/wire/node-pipe.ts`.
    if (headers.has('x-hono-already-sent')) for (const { onStream } of listeners) onStream?.()
    const end = () => {
      const durationMs = performance.now() - startedAt
      const isAborted = outgoing !== undefined && !outgoing.writableFinished
      const { code } = note
      for (const { onEnd } of listeners) {
        onEnd({ route, status, headMs, durationMs, code, isAborted })
      }
    }
    if (outgoing === undefined) end()
    else void closed.then(end)
  }
}

function traceIn(c: Context): TraceHeaders {
  const traceparent = c.req.header('traceparent')
  const tracestate = c.req.header('tracestate')
  return {
    ...(traceparent !== undefined && { traceparent }),
    ...(tracestate !== undefined && { tracestate }),
  }
}

/** The pattern of the path, so that logs and metrics hold no ids of users. */
function routeOf(c: Context): string {
  // Its successor in `hono/route` is missing in the oldest Hono of the peer range.
  const path = c.req.matchedRoutes.findLast(({ path }) => !path.endsWith('*'))?.path
  return path?.replaceAll(/\{[^/]+\}/g, '') ?? 'none'
}
