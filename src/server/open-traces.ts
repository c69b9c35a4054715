/** Whether a server has traces, and where they go. The packages of OpenTelemetry load only for a server with traces. */
import { setTimeout as delay } from 'node:timers/promises'

import type { Config } from '../config.ts'
import { fieldOf } from '../ground/fields.ts'
import type { RequestWatch } from './request-watch.ts'

export interface ServerTraces {
  readonly watch: RequestWatch
  /** Sends the last spans, and ends the subscriptions. */
  close: () => Promise<void>
}

export interface ServerTracesOptions {
  version: string
  /** Receives the failures of exports. */
  onFailure: (text: string) => void
}

/** The longest time that a collector may delay the end of a server, in milliseconds. */
const closeMs = 3000

export async function openServerTraces(
  { traces }: Pick<Config, 'traces'>,
  { version, onFailure }: ServerTracesOptions,
): Promise<ServerTraces | undefined> {
  if (traces === 'off') return undefined
  const isGiven = hasTracerProvider()
  if (traces === 'auto' && !isGiven) return undefined
  const shutdown =
    traces === 'auto' || isGiven
      ? undefined
      : await (
          await import('./traces/tracer-provider.ts')
        ).openTracerProvider({ protocol: traces, version, onFailure })
  const { openTraces } = await import('./traces.ts')
  const { watch, close } = openTraces({ version })
  return {
    watch,
    async close() {
      close()
      // A collector that does not answer must not keep the process running. The log already has its failure.
      if (shutdown !== undefined) await Promise.race([shutdown().catch(() => {}), delay(closeMs)])
    },
  }
}

/**
 * Whether the program has registered a tracer provider, for example by `node --import`. The packages of
 * OpenTelemetry share this object, so no package has to load for the question.
 */
const hasTracerProvider = (): boolean =>
  fieldOf(Reflect.get(globalThis, Symbol.for('opentelemetry.js.api.1')), 'trace') !== undefined
