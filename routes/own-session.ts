/** Finds the caller's own session. */
import type { Context } from 'hono'

import { LoomError } from '../src/error.ts'
import type { SessionRecord } from '../src/store/session.ts'
import type { SessionWorld } from './session-world.ts'
import { tenantOf } from './tenant.ts'

/** @throws LoomError `not-found`, also for another's session: its existence is nobody's business. */
export async function ownSession(
  c: Context,
  { sessions }: SessionWorld,
  purpose?: 'stream',
): Promise<SessionRecord> {
  const sessionId = c.req.param('id') ?? ''
  const session = await sessions.store.session(sessionId)
  if (session !== undefined && session.tenant === tenantOf(c)) return session
  // `useChat({ resume: true })` asks before there is a session, and takes anything but 204 for a fault.
  if (session === undefined && purpose === 'stream') {
    return {
      id: sessionId,
      tenant: '',
      agent: '',
      state: 'idle',
      createdAt: 0,
      updatedAt: 0,
      queued: 0,
    }
  }
  throw noSession()
}

export const noSession = () => new LoomError('not-found', 'There is no such session.')
