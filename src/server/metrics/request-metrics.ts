/** The metrics of requests: their routes and statuses, the open streams, and the limits that were hit. */
import { Counter, Gauge, Histogram, type Registry } from 'prom-client'

import type { RequestWatch } from '../request-watch.ts'

const methods = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])
const headSeconds = [0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

/** The statuses of requests that a limit refused: the budget, the size of a body, a rate or a full mailbox. */
const limitStatuses = new Set([402, 413, 429])

export function requestMetrics(registry: Registry): RequestWatch {
  const registers = [registry]
  const requests = new Counter({
    name: 'loom_http_requests_total',
    help: 'Requests that ended, by route and status.',
    labelNames: ['method', 'route', 'status'],
    registers,
  })
  const heads = new Histogram({
    name: 'loom_http_response_head_seconds',
    help: 'Time from a request to the head of its response.',
    labelNames: ['route'],
    buckets: headSeconds,
    registers,
  })
  const errors = new Counter({
    name: 'loom_http_errors_total',
    help: 'Requests that were refused or failed, by the code of the error.',
    labelNames: ['code'],
    registers,
  })
  const limits = new Counter({
    name: 'loom_limits_hit_total',
    help: 'Requests that a limit refused, by the code of the error.',
    labelNames: ['limit'],
    registers,
  })
  const readers = new Gauge({
    name: 'loom_readers_open',
    help: 'Clients that read a stream of events from this instance now.',
    registers,
  })
  return ({ method }) => {
    let isReading = false
    return {
      onStream() {
        isReading = true
        readers.inc()
      },
      onEnd({ route, status, headMs, code }) {
        if (isReading) readers.dec()
        const known = methods.has(method) ? method : 'other'
        requests.inc({ method: known, route, status: String(status) })
        heads.observe({ route }, headMs / 1000)
        if (code === undefined) return
        errors.inc({ code })
        if (limitStatuses.has(status)) limits.inc({ limit: code })
      },
    }
  }
}
