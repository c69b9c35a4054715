/** A collector of OpenTelemetry: an HTTP server that receives traces by OTLP. */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { buffer } from 'node:stream/consumers'

import { z } from 'zod'

import { localhost } from '../redis/server.ts'
import { until } from '../redis/until.ts'

const value = z.union([
  z.object({ stringValue: z.string() }).transform(({ stringValue }) => stringValue),
  z.object({ intValue: z.coerce.number() }).transform(({ intValue }) => intValue),
  z.object({ doubleValue: z.number() }).transform(({ doubleValue }) => doubleValue),
  z.object({ boolValue: z.boolean() }).transform(({ boolValue }) => boolValue),
  z.object({ arrayValue: z.looseObject({}) }).transform(({ arrayValue }) => arrayValue),
])

const attributes = z
  .array(z.object({ key: z.string(), value }))
  .default([])
  .transform((list) => Object.fromEntries(list.map((each) => [each.key, each.value])))

const span = z.object({
  traceId: z.string(),
  spanId: z.string(),
  parentSpanId: z.string().default(''),
  name: z.string(),
  kind: z.number(),
  status: z.object({ code: z.number().default(0) }),
  attributes,
})

/** The body of a request by the JSON form of OTLP. */
const body = z.object({
  resourceSpans: z.array(
    z.object({
      resource: z.object({ attributes }),
      scopeSpans: z.array(z.object({ spans: z.array(span) })),
    }),
  ),
})

export interface ReceivedSpan extends z.output<typeof span> {
  /** The attributes of the service. */
  service: z.output<typeof attributes>
}

export interface Collector extends AsyncDisposable {
  /** The variables of a server that sends its traces here, soon after the end of each span. */
  environment: Record<string, string>
  /** The spans by the JSON form. */
  spans: readonly ReceivedSpan[]
  requests: readonly { path: string; type: string; authorization: string; body: Buffer }[]
  /** Returns the spans with a name, as soon as there are so many. */
  named(name: string, count?: number): Promise<ReceivedSpan[]>
}

export async function openCollector(): Promise<Collector> {
  const spans: ReceivedSpan[] = []
  const requests: { path: string; type: string; authorization: string; body: Buffer }[] = []
  const receive = async (request: IncomingMessage, response: ServerResponse) => {
    if (request.url !== '/v1/traces') return response.writeHead(404).end()
    const received = await buffer(request)
    const { authorization = '', 'content-type': type = '' } = request.headers
    requests.push({ path: request.url, type, authorization, body: received })
    if (type === 'application/json') spans.push(...spansIn(received.toString()))
    return response.setHeader('content-type', type).end(type === 'application/json' ? '{}' : '')
  }
  const server = createServer((request, response) => void receive(request, response))
  server.listen(0, localhost)
  await once(server, 'listening')
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  return {
    environment: {
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://${localhost}:${port}`,
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
      OTEL_BSP_SCHEDULE_DELAY: '20',
    },
    spans,
    requests,
    async named(name, count = 1) {
      const found = () => spans.filter((each) => each.name === name)
      await until(10_000, `${count} spans ${name}`, () => found().length >= count)
      return found()
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

const spansIn = (text: string): ReceivedSpan[] =>
  body
    .parse(JSON.parse(text))
    .resourceSpans.flatMap(({ resource, scopeSpans }) =>
      scopeSpans.flatMap((scope) =>
        scope.spans.map((each) => ({ ...each, service: resource.attributes })),
      ),
    )
