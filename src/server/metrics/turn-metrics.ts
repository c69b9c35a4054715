/** The metrics of turns: their outcomes, their waits in the queue, and their takeovers. */
import { Counter, Gauge, Histogram, type Registry } from 'prom-client'

import { subscribeTo } from '../../ground/telemetry.ts'
import type { Labels } from './label-values.ts'

/** Turns last from less than a second to hours, with humans and tasks. */
const turnSeconds = [0.5, 1, 2, 5, 10, 30, 60, 120, 300, 900, 3600]
const waitSeconds = [0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300, 900]
const silenceSeconds = [0.1, 0.5, 1, 2, 3, 4, 5, 7.5, 10, 20, 60]

/** Returns the functions that end the subscriptions. */
export function turnMetrics(registry: Registry, labels: Labels): (() => void)[] {
  const registers = [registry]
  const turns = new Counter({
    name: 'loom_turns_total',
    help: 'Turns that ended in this instance, by outcome.',
    labelNames: ['agent', 'outcome'],
    registers,
  })
  const durations = new Histogram({
    name: 'loom_turn_duration_seconds',
    help: 'Time from the start to the end of a turn in this instance.',
    labelNames: ['agent'],
    buckets: turnSeconds,
    registers,
  })
  const running = new Gauge({
    name: 'loom_turns_running',
    help: 'Turns that run in this instance now.',
    registers,
  })
  const waits = new Histogram({
    name: 'loom_queue_wait_seconds',
    help: 'Time from the post of a message to the start of its turn.',
    labelNames: ['agent'],
    buckets: waitSeconds,
    registers,
  })
  const takeovers = new Counter({
    name: 'loom_takeovers_total',
    help: 'Turns that this instance took from another one, by reason.',
    labelNames: ['reason'],
    registers,
  })
  // Prometheus sees no increase in a series that begins with its first event.
  for (const reason of ['death', 'hand-over']) takeovers.inc({ reason }, 0)
  const silences = new Histogram({
    name: 'loom_takeover_silence_seconds',
    help: 'Time from the last sign of the earlier owner to the takeover of its turn.',
    labelNames: ['reason'],
    buckets: silenceSeconds,
    registers,
  })
  return [
    subscribeTo('turn:start', ({ measurements: { waitMs }, metadata }) => {
      running.inc()
      if (waitMs !== undefined)
        waits.observe({ agent: labels.agent.of(metadata.agent) }, waitMs / 1000)
    }),
    subscribeTo('turn:stop', ({ measurements, metadata }) => {
      const agent = labels.agent.of(metadata.agent)
      running.dec()
      turns.inc({ agent, outcome: metadata.reason })
      durations.observe({ agent }, measurements.durationMs / 1000)
    }),
    subscribeTo('turn:takeover', ({ measurements: { silentMs }, metadata: { reason } }) => {
      takeovers.inc({ reason })
      if (silentMs !== undefined) silences.observe({ reason }, silentMs / 1000)
    }),
  ]
}
