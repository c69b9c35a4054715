/** The messages that wait in a session, and what a stop does with them. */
import type { Context } from 'hono'
import { z } from 'zod'

import { LoomError } from '../src/ground/error.ts'
import { readJson } from './body.ts'
import { ownSession, type SessionWorld } from './session-world.ts'

const stopBody = z.object({
  queue: z.enum(['hold', 'clear', 'run']).default('hold'),
  messageId: z.string().min(1).optional(),
})

/**
 * Stops the running turn. The body may say what becomes of the messages that wait, and may name one
 * message: one that waits is withdrawn, and another message's turn is not stopped. The answer says what
 * still waits (`queued`, and `held` where nothing answers it before the next post or `queue/run`).
 */
export async function stop(c: Context, world: SessionWorld): Promise<Response> {
  const body = stopBody.safeParse(await readJson(c, {}))
  if (!body.success) {
    throw new LoomError(
      'invalid-request',
      'The body of a stop may have queue: "hold" (the default), "clear" or "run", and messageId, a text.',
    )
  }
  const { id } = await ownSession(c, world)
  const { sessions } = world.loom
  const { queue, messageId } = body.data
  const tenant = world.tenantOf(c)
  const { stopped, withdrawn } =
    messageId === undefined
      ? { stopped: await sessions.stop(id, tenant, { queue }), withdrawn: false }
      : await sessions.stopMessage(id, tenant, { messageId, queue })
  const { queued, held } = await sessions.queueState(id)
  return c.json({
    stopped,
    ...(withdrawn && { withdrawn }),
    ...(queued > 0 && { queued, held }),
  })
}

/** `held`: a stop holds the queue, until the next post or `runQueue`. */
export async function queue(c: Context, world: SessionWorld): Promise<Response> {
  const { id, held = false } = await ownSession(c, world)
  const letters = await world.loom.sessions.queue(id)
  return c.json({
    queue: letters.map(({ id, kind, message }) => ({ id, kind, ...(message && { message }) })),
    held,
  })
}

/** Answers the messages that a stop holds; without a hold it changes nothing. */
export async function runQueue(c: Context, world: SessionWorld): Promise<Response> {
  const { id } = await ownSession(c, world)
  const { sessions } = world.loom
  const running = await sessions.runQueue(id, world.tenantOf(c))
  const { queued } = await sessions.queueState(id)
  return c.json({ running, queued })
}

export async function withdraw(c: Context, world: SessionWorld): Promise<Response> {
  const { id } = await ownSession(c, world)
  const letterId = c.req.param('messageId') ?? ''
  if (await world.loom.sessions.withdraw(id, world.tenantOf(c), letterId))
    return c.json({ withdrawn: true })
  throw new LoomError('not-found', 'No such message waits.')
}
