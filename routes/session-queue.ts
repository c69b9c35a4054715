/** The messages that wait in a session, and what a stop does with them. */
import { randomUUID } from 'node:crypto'

import type { UIMessage } from 'ai'
import type { Context } from 'hono'
import { z } from 'zod'

import { LoomError } from '../src/error.ts'
import { isFields } from '../src/fields.ts'
import type { Store } from '../src/store.ts'
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
  const { queued = 0, held } = (await sessions.requestStore.session(id)) ?? {}
  return c.json({
    stopped,
    ...(withdrawn && { withdrawn }),
    ...(queued > 0 && { queued, held: held ?? false }),
  })
}

/** `held`: a stop holds the queue, until the next post or `runQueue`. */
export async function queue(c: Context, world: SessionWorld): Promise<Response> {
  const { id, held = false } = await ownSession(c, world)
  const letters = await world.loom.sessions.requestStore.mailbox(id)
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
  const { queued = 0 } = (await sessions.requestStore.session(id)) ?? {}
  return c.json({ running, queued })
}

export async function withdraw(c: Context, world: SessionWorld): Promise<Response> {
  const { id } = await ownSession(c, world)
  const letterId = c.req.param('messageId') ?? ''
  const options = { nonce: randomUUID(), tenant: world.tenantOf(c) }
  if (await world.loom.sessions.requestStore.withdraw(id, letterId, options))
    return c.json({ withdrawn: true })
  throw new LoomError('not-found', 'No such message waits.')
}

/**
 * The user messages that wait, in the order in which they will be answered, each with `queued: true` in
 * its metadata. An edit is not among them: its message stands in the history.
 */
export async function queuedMessages(
  store: Pick<Store, 'mailbox'>,
  sessionId: string,
): Promise<UIMessage[]> {
  const letters = await store.mailbox(sessionId)
  return letters.flatMap(({ message, cutAt }) => {
    if (message === undefined || cutAt !== undefined) return []
    const metadata = isFields(message.metadata) ? message.metadata : {}
    return [{ ...message, metadata: { ...metadata, queued: true } }]
  })
}
