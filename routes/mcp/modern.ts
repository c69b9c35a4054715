/**
 * The library serves requests of MCP 2026-07-28. Each request contains all that the server needs. A call answers with a stream, so
 * that a proxy does not end a long silence. The stream begins when the session has accepted the call; before that, a
 * refusal still has a status.
 */
import { createMcpHandler, type McpHttpHandler } from '@modelcontextprotocol/server'
import type { Context } from 'hono'

import type { LoomError } from '../../src/ground/error.ts'
import { fieldOf } from '../../src/ground/fields.ts'
import { late } from '../../src/ground/late.ts'
import { agentServer } from '../../src/mcp-server/agent-server.ts'
import type { McpHost } from '../../src/mcp-server/host.ts'
import type { CallHooks } from '../../src/mcp-server/tool-request.ts'

interface Served {
  host: McpHost
  hooks: CallHooks
}

const served = new WeakMap<Request, Served>()

const open = (responseMode: 'auto' | 'sse'): McpHttpHandler =>
  createMcpHandler(
    ({ requestInfo }) => {
      const found = requestInfo === undefined ? undefined : served.get(requestInfo)
      if (found === undefined) throw new Error('The request has no host.')
      return agentServer(found.host, found.hooks)
    },
    { legacy: 'reject', responseMode },
  )

const whole = late(() => Promise.resolve(open('auto')))
const streamed = late(() => Promise.resolve(open('sse')))

/** @throws LoomError a refusal of the call before the first byte */
export async function serveModern(c: Context, host: McpHost, body: unknown): Promise<Response> {
  const request = c.req.raw
  const accepted = Promise.withResolvers<LoomError | undefined>()
  const hooks: CallHooks = {
    onRefusal: accepted.resolve,
    onAccepted: () => accepted.resolve(undefined),
  }
  served.set(request, { host, hooks })
  const isCall = fieldOf(body, 'method') === 'tools/call'
  const handler = await (isCall ? streamed() : whole())
  const response = await handler.fetch(request, { parsedBody: body })
  const isStream = response.headers.get('content-type')?.startsWith('text/event-stream') === true
  if (!isCall || !isStream || response.body === null) return response
  const reader = response.body.getReader()
  const first = reader.read()
  // A request that fails before it is a call has only the first chunk.
  const refusal = await Promise.race([accepted.promise, first.then(() => undefined)])
  if (refusal !== undefined) {
    await reader.cancel()
    throw refusal
  }
  return new Response(rest(first, reader), response)
}

type Bytes = Uint8Array<ArrayBuffer>
type Reader = ReadableStreamDefaultReader<Bytes>
type Chunk = Awaited<ReturnType<Reader['read']>>

/** The stream of a reader, from a chunk that was read already. */
function rest(first: Promise<Chunk>, reader: Reader): ReadableStream<Bytes> {
  let next: Promise<Chunk> | undefined = first
  return new ReadableStream({
    async pull(controller) {
      const { done, value } = await (next ?? reader.read())
      next = undefined
      if (done) controller.close()
      else controller.enqueue(value)
    },
    cancel: (reason) => reader.cancel(reason),
  })
}
