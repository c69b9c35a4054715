/** The handlers of `/mcp`, which load at their first request. */
import {
  isLegacyRequest,
  type JSONRPCMessage,
  parseJSONRPCMessage,
  SUPPORTED_PROTOCOL_VERSIONS,
} from '@modelcontextprotocol/server'
import type { Context } from 'hono'

import { LoomError } from '../../src/ground/error.ts'
import { fieldOf, isFields } from '../../src/ground/fields.ts'
import type { McpHost } from '../../src/mcp-server/host.ts'
import { postResponses } from '../../src/mcp-server/responses.ts'
import { digest } from '../../src/session/content-digest.ts'
import { readJson } from '../body.ts'
import { answerError } from '../errors.ts'
import type { SessionWorld } from '../session-world.ts'
import { cancelCall, OpenRequests } from './cancellation.ts'
import { type ClientToken, tokenOf } from './client-token.ts'
import { LegacyExchange } from './legacy-exchange.ts'
import { mcpHost } from './mcp-host.ts'
import { serveModern } from './modern.ts'
import { questionIn } from './question-id.ts'
import { resumeCall } from './resumed-call.ts'

/** The requests of older clients that this process serves now. */
const openRequests = new OpenRequests()

/** @param version that of the server */
export async function post(c: Context, world: SessionWorld, version: string): Promise<Response> {
  const body = await readJson(c)
  const host = mcpHost(c, world, version)
  try {
    // No revision since 2025-06-18 has batches.
    return Array.isArray(body) || (await isLegacyRequest(c.req.raw, body))
      ? await serveLegacy(c, world, host, body)
      : await serveModern(c, host, body)
  } catch (error) {
    const failure = error instanceof Error ? error : new Error(String(error))
    return answerError(failure, c, world.loom, { jsonRpcId: requestIdIn(body) })
  }
}

function requestIdIn(body: unknown): string | number | null {
  const id = fieldOf(body, 'id')
  return typeof id === 'string' || typeof id === 'number' ? id : null
}

async function serveLegacy(
  c: Context,
  world: SessionWorld,
  host: McpHost,
  body: unknown,
): Promise<Response> {
  const message = messageIn(body)
  checkVersion(c)
  const token = tokenOf(c)
  if (!('method' in message)) {
    await acceptAnswer(host, message)
    return c.body(null, 202)
  }
  if (!('id' in message)) {
    if (message.method === 'notifications/cancelled' && token !== undefined) {
      const requestId = fieldOf(message.params, 'requestId')
      await cancelCall(host, requestKeyOf(token, requestId), openRequests)
    }
    return c.body(null, 202)
  }
  const requestKey = token === undefined ? undefined : requestKeyOf(token, message.id)
  const cancelled = new AbortController()
  const close = requestKey === undefined ? undefined : openRequests.add(requestKey, cancelled)
  const exchange = new LegacyExchange(c, world, {
    host,
    request: message,
    token,
    requestKey,
    cancelled: cancelled.signal,
  })
  exchange.ended.finally(close).catch(world.loom.report)
  return exchange.serve()
}

/** The same request of the same client has the same key at every instance. */
const requestKeyOf = ({ id }: ClientToken, requestId: unknown): string => digest([id, requestId])

/** @throws LoomError `invalid-request` */
function messageIn(body: unknown): JSONRPCMessage {
  if (Array.isArray(body)) {
    throw new LoomError('invalid-request', 'Send one JSON-RPC message: this server takes no batch.')
  }
  try {
    return parseJSONRPCMessage(body)
  } catch (cause) {
    throw new LoomError('invalid-request', 'The body must be a JSON-RPC 2.0 message.', { cause })
  }
}

/** @throws LoomError `invalid-request` */
function checkVersion(c: Context): void {
  const version = c.req.header('mcp-protocol-version')
  if (version === undefined || SUPPORTED_PROTOCOL_VERSIONS.includes(version)) return
  throw new LoomError(
    'invalid-request',
    `This server does not speak revision ${JSON.stringify(version)} of MCP. It speaks ${SUPPORTED_PROTOCOL_VERSIONS.join(', ')}.`,
  )
}

/**
 * Posts the answer of a human to the session that waits for it. An answer to an unknown request has no effect. The call
 * waits at another instance perhaps, so a form that was closed, or could not be shown, counts as declined: otherwise the
 * call would wait for nothing.
 */
async function acceptAnswer(host: McpHost, message: JSONRPCMessage): Promise<void> {
  const question = questionIn(fieldOf(message, 'id'))
  if (question === undefined) return
  const result = fieldOf(message, 'result')
  const isOpen = !isFields(result) || fieldOf(result, 'action') === 'cancel'
  const { session: id, logId, key } = question
  const session = await host.findSession(id, 'writer')
  if (session === undefined) return
  await postResponses(host, {
    session,
    logId,
    responses: { [key]: isOpen ? { action: 'decline' } : result },
  })
}

/** Continues the stream of a call after a broken connection. */
export async function resume(c: Context, world: SessionWorld, version: string): Promise<Response> {
  const lastEventId = c.req.header('last-event-id')
  if (lastEventId === undefined) {
    c.header('Allow', 'POST, DELETE')
    throw new LoomError(
      'method-not-allowed',
      'This server sends nothing outside of a call. Use POST here, or GET with Last-Event-ID.',
    )
  }
  return resumeCall(c, world, { host: mcpHost(c, world, version), lastEventId })
}

/** Ends an MCP session. The server stores nothing for it, and the sessions of the agents stay. */
export async function end(c: Context): Promise<Response> {
  tokenOf(c)
  return c.body(null, 204)
}
