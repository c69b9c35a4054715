/** The routes of the schedules of a session: messages that it gets at later times. */
import type { Context } from 'hono'
import { z } from 'zod/v4'

import { LoomError } from '../src/ground/error.ts'
import { type Fields, isFields } from '../src/ground/fields.ts'
import { acceptSchedule } from '../src/session/accept-schedule.ts'
import { scheduleInfo } from '../src/session/schedule-info.ts'
import { timeFields } from '../src/session/schedule-time.ts'
import { authorOf } from '../src/session/session-role.ts'
import { storedId } from '../src/session/tenant-ids.ts'
import { withServerPart } from '../src/store/context.ts'
import { idLengthMax, isId } from '../src/wire/conversation.ts'
import { contextSchema, issueIn, sessionIdSchema } from './chat-request.ts'
import { readFields } from './known-fields.ts'
import { userMessageForm } from './posted-form.ts'
import { agentOf, findSession, ownSession, type SessionWorld } from './session-world.ts'

const idSchema = z.string().min(1).max(idLengthMax).refine(isId, 'must be Unicode')

export const scheduleBody = z.looseObject({
  message: z
    .custom<string | Fields>(
      (value) => (typeof value === 'string' ? value !== '' : isFields(value)),
      'must be a text, or an object of a user message',
    )
    .meta({ anyOf: [{ type: 'string', minLength: 1 }, userMessageForm] }),
  id: idSchema.optional(),
  agent: idSchema.optional(),
  model: idSchema.optional(),
  context: contextSchema.optional(),
})

/**
 * Adds a schedule. The body has `message` and exactly one of `at`, `after`, `every` and `cron`. The same
 * `id` and content again changes nothing, so a client may repeat the request. A session that does not
 * exist begins.
 */
export async function addSchedule(c: Context, world: SessionWorld): Promise<Response> {
  const { loom, tenant } = world
  const server = await world.serverContext?.()
  const sessionId = sessionIdSchema.min(1).safeParse(c.req.param('id') ?? '')
  if (!sessionId.success) throw new LoomError('invalid-request', issueIn(sessionId.error))
  const fields = await readFields(c, [...Object.keys(scheduleBody.shape), ...timeFields])
  const body = scheduleBody.safeParse(fields)
  if (!body.success) throw new LoomError('invalid-request', issueIn(body.error))
  const { message, id, model, context: client, agent: named } = body.data
  const session = await findSession(world, sessionId.data, 'writer')
  const context = server === undefined ? client : withServerPart(client, server)
  const { info, isNew } = await acceptSchedule(loom, {
    tenant,
    author: authorOf(world.principal, storedId(tenant, sessionId.data), session),
    sessionId: sessionId.data,
    session,
    agent: agentOf(c, world, { named, session }),
    message,
    time: Object.fromEntries(timeFields.map((name) => [name, body.data[name] ?? undefined])),
    id,
    model,
    context,
  })
  return c.json(info, isNew ? 201 : 200)
}

/** Lists the schedules of a session, the next one first. */
export async function schedules(c: Context, world: SessionWorld): Promise<Response> {
  const { id } = await ownSession(c, world, 'reader')
  const { sessions } = world.loom
  const list = await sessions.schedules(id)
  const task = await sessions.taskOf(id)
  return c.json({ schedules: list.map((schedule) => scheduleInfo(schedule, task)) })
}

export async function removeSchedule(c: Context, world: SessionWorld): Promise<Response> {
  const { id } = await ownSession(c, world, 'writer')
  const scheduleId = c.req.param('scheduleId') ?? ''
  if (await world.loom.sessions.removeSchedule(id, scheduleId, world.tenant)) {
    return c.body(null, 204)
  }
  throw new LoomError('not-found', 'The session has no such schedule.')
}
