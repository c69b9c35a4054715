/**
 * The metrics of a server for Prometheus. Their sources are the telemetry events (one for each run, step and
 * call), the requests and the commands to Redis. Nothing here is on the path of a token. No label has a session, a
 * tenant or a text of a user.
 */
import { collectDefaultMetrics, Gauge, Registry } from 'prom-client'

import type { StoreCommand } from '../store/redis.ts'
import type { MetricsText } from './metrics-text.ts'
import { boundedLabels } from './metrics/label-values.ts'
import { requestMetrics } from './metrics/request-metrics.ts'
import { runMetrics } from './metrics/run-metrics.ts'
import { type InstanceState, sessionGauges } from './metrics/session-gauges.ts'
import { storeMetrics } from './metrics/store-metrics.ts'
import { turnMetrics } from './metrics/turn-metrics.ts'
import type { RequestWatch } from './request-watch.ts'

export interface Metrics extends MetricsText {
  readonly watch: RequestWatch
  readonly onCommand: (command: StoreCommand) => void
  /** Adds the gauges of an instance. */
  observe: (sessions: InstanceState) => void
  /** Ends the subscriptions. */
  close: () => void
}

export function openMetrics({ version }: { version: string }): Metrics {
  const registry = new Registry()
  const labels = boundedLabels()
  // The delay of the event loop is among these (`perf_hooks.monitorEventLoopDelay`).
  collectDefaultMetrics({ register: registry })
  const info = new Gauge({
    name: 'loom_info',
    help: 'The version of Loom. The value is always 1.',
    labelNames: ['version'],
    registers: [registry],
  })
  info.set({ version }, 1)
  const ends = [...turnMetrics(registry, labels), ...runMetrics(registry, labels)]
  return {
    contentType: registry.contentType,
    text: () => registry.metrics(),
    watch: requestMetrics(registry),
    onCommand: storeMetrics(registry),
    observe: (sessions) => sessionGauges(registry, sessions),
    close: () => ends.forEach((end) => end()),
  }
}
