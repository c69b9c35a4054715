/** The route that copies a session. */
import type { Context } from 'hono'
import { z } from 'zod/v4'

import { LoomError } from '../src/ground/error.ts'
import { forkSession } from '../src/session/session-fork.ts'
import { issueIn, sessionIdSchema } from './chat-request.ts'
import { readFields } from './known-fields.ts'
import { ownSession, type SessionWorld } from './session-world.ts'

export const forkBody = z
  .object({
    id: sessionIdSchema.min(1),
    messageId: z.string(),
    branch: z.number().int(),
  })
  .partial()

export async function fork(c: Context, world: SessionWorld): Promise<Response> {
  const session = await ownSession(c, world, 'reader')
  const body = forkBody.safeParse(await readFields(c, Object.keys(forkBody.shape)))
  if (!body.success) {
    const allowed = 'The body may have id, messageId and branch.'
    throw new LoomError('invalid-request', `${allowed} ${issueIn(body.error)}`)
  }
  const { subject, session: only } = world.principal
  // The copy would be a session that this principal may not use.
  if (only !== undefined) throw new LoomError('forbidden', 'This token is for one session only.')
  const copy = { ...body.data, subject }
  return c.json({ id: await forkSession(world.loom.sessions, session, copy) }, 201)
}
