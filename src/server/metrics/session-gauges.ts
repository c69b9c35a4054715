/** The gauges of an instance. Each request for `/metrics` reads them. */
import { setTimeout as delay } from 'node:timers/promises'

import { Gauge, type Registry } from 'prom-client'

/** The state of an instance for its gauges. */
export interface InstanceState {
  /** Whether the store accepts the heartbeats of this instance. */
  readonly isConnected: boolean
  readonly isDraining: boolean
  /** The age of the oldest turn that runs here, in milliseconds. 0 if none runs. */
  readonly oldestTurnMs: number
  /** Returns the number of messages that wait behind the turns that run here. */
  queuedLetters: () => Promise<number>
}

/** The longest time that a store may delay the metrics, in milliseconds. */
const readMs = 1000

export function sessionGauges(registry: Registry, sessions: InstanceState): void {
  const registers = [registry]
  const gauge = (name: string, help: string, read: () => number) =>
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(read())
      },
    })
  gauge('loom_store_connected', '1 while the store accepts the heartbeats of this instance.', () =>
    sessions.isConnected ? 1 : 0,
  )
  gauge('loom_draining', '1 while this instance shuts down.', () => (sessions.isDraining ? 1 : 0))
  gauge(
    'loom_oldest_turn_seconds',
    'Age of the oldest turn that runs in this instance.',
    () => sessions.oldestTurnMs / 1000,
  )
  const letters = new Gauge({
    name: 'loom_queue_letters',
    help: 'Messages that wait behind the turns of this instance. An estimate above 100 turns. Absent while the store does not answer.',
    registers,
    async collect() {
      const count = await queuedIn(sessions)
      if (count === undefined) letters.remove({})
      else letters.set(count)
    },
  })
}

/** Returns undefined if the store does not answer, so that `/metrics` sends the other metrics also during an outage. */
async function queuedIn(sessions: InstanceState): Promise<number | undefined> {
  if (!sessions.isConnected) return undefined
  const unread = delay(readMs, undefined, { ref: false })
  return Promise.race([sessions.queuedLetters().catch(() => undefined), unread])
}
