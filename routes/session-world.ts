/** What the session routes are given. */
import type { Context } from 'hono'

import type { Agent } from '../src/agent.ts'
import { LoomError } from '../src/error.ts'
import type { Loom } from '../src/loom.ts'
import { stateUnknown } from '../src/session/answering.ts'
import { agentElsewhere } from '../src/sessions.ts'
import type { Store } from '../src/store.ts'
import type { SessionRecord } from '../src/store/session.ts'

export interface SessionWorld {
  loom: Loom
  /** Who is calling: sessions belong to whoever made them, and each caller has ids of its own. */
  tenantOf: (c: Context) => string
}

/**
 * The id of a tenant's session in the store, so that two tenants may use the same id. Ids of the
 * tenant without a name stay as they are, unless they look like an id of another tenant.
 */
export function storedId(tenant: string, id: string): string {
  if (tenant === '' && !id.startsWith('@')) return id
  return `${prefixOf(tenant)}${id}`
}

/** The id that the tenant knows a session by. */
export function publicId(tenant: string, stored: string): string {
  const prefix = prefixOf(tenant)
  return stored.startsWith(prefix) ? stored.slice(prefix.length) : stored
}

// Visible characters only: the id is part of idempotency keys, which tools send in HTTP headers.
const prefixOf = (tenant: string) => `@${encodeURIComponent(tenant.toWellFormed())}/`

/**
 * The caller's session with this id; undefined where there is none, also where another tenant has one.
 * @throws LoomError `unavailable` where another version of Loom stored it in a state that this one
 * does not know
 */
export async function findSession(
  ...request: Parameters<typeof storedSession>
): Promise<SessionRecord | undefined> {
  const session = await storedSession(...request)
  if (session?.state === 'unknown') throw stateUnknown()
  return session
}

async function storedSession(
  c: Context,
  { loom: { sessions }, tenantOf }: SessionWorld,
  id: string = c.req.param('id') ?? '',
  store: Pick<Store, 'session'> = sessions.requestStore,
): Promise<SessionRecord | undefined> {
  const tenant = tenantOf(c)
  const stored = storedId(tenant, id)
  const session = await store.session(stored)
  if (session !== undefined) return session.tenant === tenant ? session : undefined
  if (stored === id) return undefined
  // An earlier version had one space of ids for all tenants.
  const former = await store.session(id)
  return former?.tenant === tenant ? former : undefined
}

/** @throws LoomError `not-found`, also for another's session: its existence is nobody's business. */
export async function ownSession(c: Context, world: SessionWorld): Promise<SessionRecord> {
  const session = await findSession(c, world)
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
    throw agentElsewhere(name)
  }
  return loom.agentOf(name)
}
