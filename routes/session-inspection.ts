/** `GET …/inspect`: the inner state of a session, for an operator. It has no text of a message. */
import type { Context } from 'hono'

import { jsonResponse } from './json-response.ts'
import { ownSession, type SessionWorld } from './session-world.ts'

export async function inspect(c: Context, world: SessionWorld): Promise<Response> {
  const session = await ownSession(c, world, 'reader')
  return jsonResponse(c, await world.loom.sessions.inspect(session))
}
