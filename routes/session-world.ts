/** The objects that the session routes share: agents, sessions and tenants. */
import type { Context } from 'hono'

import type { Agent } from '../src/agent.ts'
import { LoomError } from '../src/ground/error.ts'
import type { Loom } from '../src/loom.ts'
import { missingAgent } from '../src/session/mailboxes.ts'
import type { SessionRecord } from '../src/store/session.ts'

export interface SessionWorld {
  loom: Loom
  /**
   * Returns the tenant of a request. A session belongs to the tenant that created it, and each
   * tenant has its own ids.
   */
  tenantOf: (c: Context) => string
}

/**
 * @throws LoomError `not-found`, also for a session of another tenant, so that its existence stays
 * secret
 */
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
 * Returns the agent of the address, of the body, of the session, or the default agent, in this
 * order.
 * @throws LoomError `unknown-agent`
 * @throws LoomError `unavailable` if only another instance has the session's agent
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
