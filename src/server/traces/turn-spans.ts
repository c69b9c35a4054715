/**
 * A span for each turn in this instance. Its parent is the span of the request or the tool call that posted its letter, on
 * any instance. So the turn after a takeover is a span of the same trace: a second child of the same parent.
 */
import { type Attributes, ROOT_CONTEXT, type Span, type Tracer } from '@opentelemetry/api'

import type { Takeover } from '../../ground/telemetry-events.ts'
import { subscribeTo } from '../../ground/telemetry.ts'
import { turnName } from '../../ground/trace.ts'
import { idAttributes } from './attributes.ts'
import { markFailed } from './failure.ts'
import { withHeaders } from './trace-headers.ts'

/** A turn begins at once after its takeover, or never. */
const takeoversMax = 1000

export class TurnSpans {
  readonly #tracer: Tracer
  /** By `turnName`. */
  readonly #spans = new Map<string, Span>()
  /** The takeovers whose turn has not begun yet, by `turnName`: the latest `takeoversMax`. */
  readonly #takeovers = new Map<string, Attributes>()

  constructor(tracer: Tracer) {
    this.#tracer = tracer
  }

  spanOf(name: string): Span | undefined {
    return this.#spans.get(name)
  }

  /** Returns the functions that end the subscriptions. */
  subscribe(): (() => void)[] {
    return [
      subscribeTo('turn:takeover', ({ measurements, metadata }) => {
        const { deaths, silentMs } = measurements
        const name = turnName(metadata)
        this.#takeovers.delete(name)
        this.#takeovers.set(name, takeoverAttributes(metadata, { deaths, silentMs }))
        if (this.#takeovers.size > takeoversMax) this.#dropOldest()
      }),
      subscribeTo('turn:start', ({ measurements: { waitMs }, metadata }) => {
        const name = turnName(metadata)
        const { agent, instance } = metadata
        const attributes = {
          ...idAttributes(metadata),
          'loom.instance.id': instance,
          ...(waitMs !== undefined && { 'loom.turn.wait': waitMs / 1000 }),
          ...this.#takeovers.get(name),
        }
        this.#takeovers.delete(name)
        // The code that begins a turn may belong to another trace, for example at a takeover.
        const above = withHeaders(ROOT_CONTEXT, metadata)
        this.#spans.set(name, this.#tracer.startSpan(`turn ${agent}`, { attributes }, above))
      }),
      subscribeTo('turn:stop', ({ metadata }) => {
        const name = turnName(metadata)
        const span = this.#spans.get(name)
        this.#spans.delete(name)
        span?.setAttribute('loom.turn.outcome', metadata.reason)
        if (span !== undefined && metadata.reason === 'error') markFailed(span)
        span?.end()
      }),
    ]
  }

  #dropOldest(): void {
    for (const name of this.#takeovers.keys()) return void this.#takeovers.delete(name)
  }
}

const takeoverAttributes = (
  { reason, from }: Takeover,
  { deaths, silentMs }: { deaths: number; silentMs: number | undefined },
): Attributes => ({
  'loom.takeover.reason': reason,
  'loom.takeover.from': from,
  'loom.takeover.deaths': deaths,
  ...(silentMs !== undefined && { 'loom.takeover.silence': silentMs / 1000 }),
})
