/** The route of the tasks of a session: the sub-agents that work for it. */
import type { Context } from 'hono'

import { ownSession, type SessionWorld } from './session-world.ts'

/** Lists the tasks below a session, the first started one first, with their states. */
export async function tasks(c: Context, world: SessionWorld): Promise<Response> {
  const { id, tenant } = await ownSession(c, world, 'reader')
  return c.json({ tasks: await world.loom.sessions.tasks(id, tenant) })
}
