/** The world of the session routes: agents, sessions and callers. */
import type { Context } from 'hono'

import type { Agent } from '../src/agent.ts'
import { LoomError } from '../src/ground/error.ts'
import type { Loom } from '../src/loom.ts'
import { missingAgent } from '../src/session/mailboxes.ts'
import type { SessionRecord } from '../src/store/session.ts'

export interface SessionWorld {
  loom: Loom
  /** Who is calling: sessions belong to whoever made them, and each caller has ids of its own. */
  tenantOf: (c: Context) => string
}

/** @throws LoomError `not-found`, also for another's session: its existence is nobody's business. */
export async function ownSession(
  c: Context,
  { loom: { sessions }, tenantOf }: SessionWorld,
): Promise<SessionRecord> {
  const session = await sessions.find(tenantOf(c), c.req.param('id') ?? '')
  if (session !== undefined) return session
  throw noSession()
}

export const noSession = () => new LoomError('not-found', 'There is no such session.')

/**
 * The agent of the address, of the body, of the session, or the default one, in this order.
 * @throws LoomError `unknown-agent`; `unavailable` where it is the session's and another instance's
 */
export function agentOf(
  c: Context,
  { loom }: SessionWorld,
  { named, session }: { named?: string | undefined; session?: SessionRecord | undefined } = {},
): Agent {
  const name = c.req.param('agent') ?? named ?? session?.agent ?? loom.defaultAgent
  if (name === session?.agent && !loom.agents.some((agent) => agent.name === name)) {
    throw missingAgent(name)
  }
  return loom.agentOf(name)
}
