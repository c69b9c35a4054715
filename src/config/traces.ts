/** The settings of traces: the standard variables of OpenTelemetry. Its packages read the others themselves. */
import { LoomError } from '../ground/error.ts'

/** The form of the traces that a server sends to a collector. */
export type TraceProtocol = 'http/protobuf' | 'http/json'

/** `off`: no traces. `auto`: traces if the program has a tracer provider. A protocol: the server sends its traces. */
export type TraceConfig = 'off' | 'auto' | TraceProtocol

interface TraceVariables {
  OTEL_SDK_DISABLED: string
  OTEL_TRACES_EXPORTER: string
  OTEL_EXPORTER_OTLP_ENDPOINT?: string | undefined
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT?: string | undefined
  OTEL_EXPORTER_OTLP_PROTOCOL: string
  OTEL_EXPORTER_OTLP_TRACES_PROTOCOL?: string | undefined
}

/** @throws LoomError `invalid-config` for a protocol that Loom does not have, and for an endpoint that is no address */
export function tracesOf(set: TraceVariables): TraceConfig {
  if (set.OTEL_SDK_DISABLED.trim().toLowerCase() === 'true') return 'off'
  const endpoint = set.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT ?? set.OTEL_EXPORTER_OTLP_ENDPOINT
  const exporters = set.OTEL_TRACES_EXPORTER.split(',').map((name) => name.trim())
  if (endpoint === undefined || !exporters.includes('otlp')) return 'auto'
  if (!/^https?:$/.test(URL.canParse(endpoint) ? new URL(endpoint).protocol : '')) {
    throw new LoomError(
      'invalid-config',
      'OTEL_EXPORTER_OTLP_ENDPOINT must be an address that begins with http:// or https://, such as http://collector:4318.',
    )
  }
  const protocol = set.OTEL_EXPORTER_OTLP_TRACES_PROTOCOL ?? set.OTEL_EXPORTER_OTLP_PROTOCOL
  if (protocol === 'http/protobuf' || protocol === 'http/json') return protocol
  throw new LoomError(
    'invalid-config',
    `OTEL_EXPORTER_OTLP_PROTOCOL must be http/protobuf or http/json, not ${protocol}. Collectors take both at port 4318.`,
  )
}
