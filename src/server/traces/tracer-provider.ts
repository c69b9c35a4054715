/**
 * The tracer provider of a server: it sends the spans to a collector by OTLP, beside the work. The packages of
 * OpenTelemetry read the standard variables: the endpoint and its headers, the sampler, the sizes of batches, and
 * the attributes of the service.
 */
import { diag, type DiagLogger, DiagLogLevel } from '@opentelemetry/api'
import {
  defaultResource,
  detectResources,
  envDetector,
  resourceFromAttributes,
} from '@opentelemetry/resources'
import {
  BatchSpanProcessor,
  NodeTracerProvider,
  type SpanExporter,
} from '@opentelemetry/sdk-trace-node'

import type { TraceProtocol } from '../../config/traces.ts'

export interface TracerProviderOptions {
  protocol: TraceProtocol
  version: string
  /** Receives the failures of exports. */
  onFailure: (text: string) => void
}

/** Opens the provider and registers it. Returns the function that sends the last spans and ends it. */
export async function openTracerProvider({
  protocol,
  version,
  onFailure,
}: TracerProviderOptions): Promise<() => Promise<void>> {
  diag.setLogger(failureLogger(onFailure), {
    logLevel: DiagLogLevel.ERROR,
    suppressOverrideMessage: true,
  })
  const provider = new NodeTracerProvider({
    resource: defaultResource()
      .merge(resourceFromAttributes({ 'service.name': 'loom', 'service.version': version }))
      .merge(detectResources({ detectors: [envDetector] })),
    spanProcessors: [new BatchSpanProcessor(await exporterOf(protocol))],
  })
  provider.register()
  return () => provider.shutdown()
}

async function exporterOf(protocol: TraceProtocol): Promise<SpanExporter> {
  if (protocol === 'http/json') {
    const { OTLPTraceExporter } = await import('@opentelemetry/exporter-trace-otlp-http')
    return new OTLPTraceExporter()
  }
  const { OTLPTraceExporter } = await import('@opentelemetry/exporter-trace-otlp-proto')
  return new OTLPTraceExporter()
}

/** Reports the first failure and each doubling of their number, because an outage of a collector may last for days. */
function failureLogger(onFailure: (text: string) => void): DiagLogger {
  let count = 0
  const ignore = () => {}
  return {
    error(message) {
      count++
      if ((count & (count - 1)) !== 0) return
      const times = count === 1 ? '' : ` (${count} times now)`
      onFailure(`OpenTelemetry reports an error${times}: ${message}`)
    },
    warn: ignore,
    info: ignore,
    debug: ignore,
    verbose: ignore,
  }
}
