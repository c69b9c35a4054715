/** The routes of the messages that wait in a session, and the route that stops its turn. */
import type { Context } from 'hono'
import { z } from 'zod/v4'

import { LoomError } from '../src/ground/error.ts'
import { notQueued } from '../src/session/receipt.ts'
import { queueInfo } from '../src/session/session-info.ts'
import { stopSession } from '../src/session/session-stop.ts'
import { audit } from './audit.ts'
import { readFields } from './known-fields.ts'
import { ownSession, type SessionWorld } from './session-world.ts'

export const stopBody = z.object({
  queue: z.enum(['hold', 'clear', 'run']).default('hold'),
  messageId: z.string().min(1).optional(),
})

/**
 * Stops the running turn. The body may choose the effect on the messages that wait. It may also name
 * one message. If this message waits, it is withdrawn. If its turn runs, the turn is stopped. The
 * turn of another message is not stopped. The response reports the messages that still wait: `queued`
 * counts them, and `held` is true if they get no answer before the next post or `queue/run`. With `?tree=1`,
 * all tasks below the session are stopped too, and `tasks` counts them.
 */
export async function stop(c: Context, world: SessionWorld): Promise<Response> {
  const session = await ownSession(c, world, 'writer')
  const advice = { tree: 'To stop the tasks below the session too, add ?tree=1 to the path.' }
  const body = stopBody.safeParse(await readFields(c, ['queue', 'messageId'], {}, advice))
  if (!body.success) {
    throw new LoomError(
      'invalid-request',
      'The body of a stop may have "queue" with the value "hold" (the default), "clear" or "run", and "messageId" with a text.',
    )
  }
  const inQuery = c.req.query('tree')
  const tree = inQuery !== undefined && inQuery !== '0' && inQuery !== 'false'
  const { loom, principal, tenant } = world
  const result = await stopSession(loom.sessions, session, { ...body.data, tree })
  await audit(c, loom, { principal, tenant, action: 'stop', sessionId: session.id })
  return c.json(result)
}

/** Lists the queue. `held` is true if a stop holds it until the next post or `runQueue`. */
export async function queue(c: Context, world: SessionWorld): Promise<Response> {
  const { id, held = false } = await ownSession(c, world, 'reader')
  const letters = await world.loom.sessions.queue(id)
  return c.json({ queue: queueInfo(letters), held })
}

/**
 * Releases the messages that a stop holds, so that they get answers. Otherwise it changes nothing.
 */
export async function runQueue(c: Context, world: SessionWorld): Promise<Response> {
  const { id } = await ownSession(c, world, 'writer')
  await readFields(c, [], {})
  const { sessions } = world.loom
  const running = await sessions.runQueue(id, world.tenant)
  const { queued } = await sessions.queueState(id)
  return c.json({ running, queued })
}

export async function withdraw(c: Context, world: SessionWorld): Promise<Response> {
  const { id } = await ownSession(c, world, 'writer')
  const letterId = c.req.param('messageId') ?? ''
  if (await world.loom.sessions.withdraw(id, world.tenant, letterId))
    return c.json({ withdrawn: true })
  throw notQueued()
}
