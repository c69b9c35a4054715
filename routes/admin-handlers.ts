/** The handlers of the routes of admins. */
import { createHash } from 'node:crypto'

import type { Context } from 'hono'
import { z } from 'zod/v4'

import { LoomError } from '../src/ground/error.ts'
import { isPrincipalName } from '../src/ground/principal.ts'
import { eraseOwner } from '../src/session/erasure.ts'
import { exportLines } from '../src/session/export-lines.ts'
import { noSession } from '../src/session/receipt.ts'
import { sessionInfo } from '../src/session/session-info.ts'
import { stopSession } from '../src/session/session-stop.ts'
import { publicId } from '../src/session/tenant-ids.ts'
import { everything } from '../src/store/erasure.ts'
import type { SessionRecord } from '../src/store/session.ts'
import type { AdminWorld } from './admin-world.ts'
import { audit } from './audit.ts'
import { issueIn } from './chat-request.ts'
import { jsonResponse } from './json-response.ts'
import { readFields } from './known-fields.ts'
import { numberParameter } from './number-parameter.ts'

/** The most sessions in one response. */
const listMax = 200

/** Lists the sessions of the tenant, or those of a subject and those shared with it. */
export async function list(c: Context, { loom, tenant }: AdminWorld): Promise<Response> {
  const limit = listLimit(c)
  const before = numberParameter(c, 'before', Number.MAX_SAFE_INTEGER)
  const subject = subjectIn(c)
  const page = await loom.sessions.list(tenant, {
    limit,
    ...(before !== undefined && { before }),
    ...(subject !== undefined && { subject }),
  })
  return c.json({
    tenant,
    sessions: page.sessions.map(governedSession),
    ...(page.before !== undefined && { before: page.before }),
  })
}

/** @throws LoomError `invalid-request` */
export const listLimit = (c: Context): number =>
  Math.min(numberParameter(c, 'limit', 1_000_000) ?? 50, listMax)

/** A session in the form of lists. */
export const governedSession = ({ subject, members = [], ...record }: SessionRecord) => ({
  ...sessionInfo(record),
  ...(subject !== undefined && { subject }),
  members,
  // What it adds to `LOOM_LIMIT_BYTES`, without its tasks.
  bytes: record.bytes ?? 0,
})

/** Returns one session in the form of the list, with its tasks. */
export async function show(c: Context, world: AdminWorld): Promise<Response> {
  const session = await sessionIn(c, world)
  const tasks = await world.loom.sessions.tasks(session.id, world.tenant)
  return c.json({ ...governedSession(session), tasks })
}

/** Returns the inner state of a session; see `session-inspection.ts`. */
export async function inspect(c: Context, world: AdminWorld): Promise<Response> {
  const session = await sessionIn(c, world)
  return jsonResponse(c, await world.loom.sessions.inspect(session))
}

/** Stops a session with all tasks below it. Its queue is cleared, so that it does not continue by itself. */
export async function stop(c: Context, world: AdminWorld): Promise<Response> {
  const { id, tenant } = await sessionIn(c, world)
  await readFields(c, [], {})
  const options = { queue: 'clear', tree: true } as const
  const result = await stopSession(world.loom.sessions, { id, tenant }, options)
  await audit(c, world.loom, { principal: world.principal, tenant, action: 'stop', sessionId: id })
  return c.json(result)
}

export async function remove(c: Context, world: AdminWorld): Promise<Response> {
  const { id, tenant } = await sessionIn(c, world)
  if (!(await world.loom.sessions.remove(id, tenant))) throw noSession()
  await audit(c, world.loom, {
    principal: world.principal,
    tenant,
    action: 'delete',
    sessionId: id,
  })
  return c.body(null, 204)
}

/** Streams the sessions, one as JSON on each line, as fast as the client reads. */
export async function exportAll(
  c: Context,
  { loom, tenant, principal }: AdminWorld,
): Promise<Response> {
  const subject = subjectIn(c)
  const owner = { tenant, ...(subject !== undefined && { subject }) }
  const about = subject === undefined ? {} : { subject }
  const owned = await loom.sessions.ownedSessions(owner)
  await audit(c, loom, { principal, tenant, action: 'export', ...about })
  const lines = exportLines(loom.sessions, owned)
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      const { value, done } = await lines.next()
      if (done === true) controller.close()
      else controller.enqueue(Buffer.from(value))
    },
    async cancel() {
      await lines.return(undefined)
    },
  })
  return c.body(body, 200, { 'content-type': 'application/jsonl', 'cache-control': 'no-store' })
}

/** Returns what principals did in the tenant, the last act first. */
export async function auditTrail(c: Context, { loom, tenant }: AdminWorld): Promise<Response> {
  const before = c.req.query('before')
  if (before !== undefined && !/^\d{1,20}(?:-\d{1,20})?$/.test(before)) {
    throw new LoomError('invalid-request', 'before must be that of the previous page.')
  }
  const options = { limit: listLimit(c), ...(before !== undefined && { before }) }
  const page = await loom.sessions.auditPage(tenant, options)
  const events = page.events.map(({ sessionId, ...event }) => ({
    ...event,
    ...(sessionId !== undefined && { sessionId: publicId(tenant, sessionId) }),
  }))
  return c.json({ tenant, ...page, events })
}

const nameSchema = z.string().refine(isPrincipalName, 'must be the name of a subject')

export const eraseBody = z.object({
  subject: nameSchema.optional(),
  tenant: z.string().optional(),
  confirm: z.string(),
})

/**
 * Erases a subject or the whole tenant, and returns the certificate. It names the sessions by the SHA-256 of their
 * ids, so that its only data of a person is the name in the request.
 */
export async function erase(
  c: Context,
  { loom, tenant, actor, principal }: AdminWorld,
): Promise<Response> {
  const body = eraseBody.safeParse(await readFields(c, ['subject', 'tenant', 'confirm']))
  if (!body.success) throw new LoomError('invalid-request', issueIn(body.error))
  const { subject, tenant: named, confirm } = body.data
  if ((subject === undefined) === (named === undefined)) {
    throw new LoomError('invalid-request', 'The body must have either "subject" or "tenant".')
  }
  if (named !== undefined && named !== tenant) {
    throw new LoomError(
      'forbidden',
      'The body names another tenant than the one that this request governs.',
    )
  }
  if (confirm !== (subject ?? (tenant === '' ? everything : tenant))) {
    throw new LoomError(
      'invalid-request',
      `"confirm" must repeat the name of the subject or of the tenant, or be "${everything}" if the tenant has no name, because an erasure cannot be undone.`,
    )
  }
  const beganAt = new Date().toISOString()
  const owner = { tenant, ...(subject !== undefined && { subject }) }
  const { sessionIds, ...counts } = await eraseOwner(loom.sessions, owner)
  // The record of the erasure names the subject by its digest only.
  const about = subject === undefined ? {} : { subjectDigest: digestOf(subject) }
  await audit(c, loom, { principal, tenant, action: 'erase', ...about })
  return c.json({
    erased: owner,
    by: actor,
    beganAt,
    endedAt: new Date().toISOString(),
    sessions: sessionIds.length,
    ...counts,
    complete: counts.left === 0,
    sessionDigests: sessionIds.map((id) => digestOf(publicId(tenant, id))),
  })
}

const digestOf = (id: string) => createHash('sha256').update(id).digest('hex')

/** @throws LoomError `invalid-request` */
export function subjectIn(c: Context): string | undefined {
  const subject = c.req.query('subject')
  if (subject === undefined || isPrincipalName(subject)) return subject
  throw new LoomError('invalid-request', 'subject must be the name of a subject.')
}

/** @throws LoomError `not-found` */
async function sessionIn(c: Context, { loom, tenant }: AdminWorld): Promise<SessionRecord> {
  const session = await loom.sessions.find(tenant, c.req.param('id') ?? '')
  if (session === undefined) throw noSession()
  return session
}
