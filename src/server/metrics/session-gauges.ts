/** The gauges of an instance, which are read when Prometheus asks. */
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

export function sessionGauges(registry: Registry, sessions: InstanceState): void {
  const registers = [registry]
  const gauge = (name: string, help: string, read: () => number | Promise<number>) =>
    new Gauge({
      name,
      help,
      registers,
      async collect() {
        this.set(await read())
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
  gauge(
    'loom_queue_letters',
    'Messages that wait behind the turns of this instance. An estimate if it runs very many turns.',
    () => sessions.queuedLetters(),
  )
}
