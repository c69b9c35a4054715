/** What the session routes are given. */
import type { Context } from 'hono'

import type { Agent } from '../src/agent.ts'
import { LoomError } from '../src/error.ts'
import type { Loom } from '../src/loom.ts'
import type { SessionRecord } from '../src/store/session.ts'

export interface SessionWorld {
  loom: Loom
  /** Who is calling: sessions belong to whoever made them. */
  tenantOf: (c: Context) => string
}

/** @throws LoomError `not-found`, also for another's session: its existence is nobody's business. */
export async function ownSession(
  c: Context,
  { loom, tenantOf }: SessionWorld,
): Promise<SessionRecord> {
  const session = await loom.sessions.requestStore.session(c.req.param('id') ?? '')
  if (session !== undefined && session.tenant === tenantOf(c)) return session
  throw noSession()
}

export const noSession = () => new LoomError('not-found', 'There is no such session.')

/** The agent of the address, of the body, or the one that is not named. */
export const agentOf = (c: Context, { loom }: SessionWorld, named?: string): Agent =>
  loom.agentOf(c.req.param('agent') ?? named ?? loom.defaultAgent)
