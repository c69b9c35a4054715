/**
 * `GET …/:id/socket`: the server of AI SDK 7's `WebSocketChatTransport`. Each message of the client becomes a
 * request to the routes of HTTP, with their checks and limits, and the chunks of its answer become messages. The
 * number of a chunk is its place in the answer, so it is the same on every instance.
 */
import type { Context } from 'hono'

import { LoomError } from '../src/ground/error.ts'
import { alreadySent } from '../src/wire/node-pipe.ts'
import { upgradeOf } from '../src/wire/socket-upgrade.ts'
import { InnerRequests } from './session-socket/inner-request.ts'
import { SocketConnection } from './session-socket/socket-connection.ts'
import { findSession, type SessionWorld } from './session-world.ts'

/** The largest message of a client, in bytes. It is in memory as a whole before it is read. */
export const socketMessageBytes = 32 * 1024 * 1024

export async function socket(c: Context, world: SessionWorld): Promise<Response> {
  const sessionId = c.req.param('id') ?? ''
  const stopsOnAbort = abortOf(c) === 'stop'
  // A session of another principal is refused here. Every request of the socket is checked again.
  await findSession(world, sessionId, 'reader')
  const upgrade = upgradeOf(c)
  if (upgrade === undefined) throw notASocket(c)
  const requests = new InnerRequests(c)
  const bindings = bindingsOf(c)
  const { loom, principal } = world
  const accepted = await upgrade.accept({ messageBytesMax: socketMessageBytes })
  const connection = new SocketConnection({
    socket: accepted,
    fetch: upgrade.fetch,
    requests,
    bindings,
    sessionId,
    principal,
    keepsHistory: () => loom.agents.some(({ seedFromClient }) => seedFromClient === true),
    stopsOnAbort,
    keepAliveMs: loom.keepAliveMs,
    report: loom.report,
  })
  connection.open()
  return alreadySent(c)
}

/** A page that is left aborts its request, and its answer must not end by that. So only a page that asks for it stops. */
function abortOf(c: Context): 'leave' | 'stop' {
  const abort = c.req.query('abort') ?? 'leave'
  if (abort === 'leave' || abort === 'stop') return abort
  throw new LoomError('invalid-request', 'abort must be leave or stop.')
}

const notASocket = (c: Context): LoomError =>
  c.req.header('upgrade')?.toLowerCase() === 'websocket'
    ? new LoomError(
        'invalid-request',
        'This server accepts no WebSocket. Use `loom serve`, or DefaultChatTransport.',
      )
    : new LoomError(
        'invalid-request',
        'This address is for a WebSocket: connect with WebSocketChatTransport of ai 7.',
      )

/** The address of the client, for the routes that the requests of the socket reach. */
function bindingsOf(c: Context): object {
  const bindings: { incoming?: { socket?: unknown; rawHeaders?: string[] } } = c.env
  const { incoming } = bindings
  return { incoming: { socket: incoming?.socket, rawHeaders: incoming?.rawHeaders } }
}
