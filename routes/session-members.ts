/** The routes of the members of a session: the subjects with whom its owner shares it. */
import type { Context } from 'hono'
import { z } from 'zod/v4'

import { LoomError } from '../src/ground/error.ts'
import { isPrincipalName, principalNameMax } from '../src/ground/principal.ts'
import { noSession } from '../src/session/receipt.ts'
import { membersMax } from '../src/store/member.ts'
import type { SessionRecord } from '../src/store/session.ts'
import { isTaskId } from '../src/store/task.ts'
import { audit } from './audit.ts'
import { issueIn } from './chat-request.ts'
import { jsonResponse } from './json-response.ts'
import { readFields } from './known-fields.ts'
import type { SharedWith } from './route-bodies.ts'
import { ownSession, type SessionWorld } from './session-world.ts'

const subjectSchema = z
  .string()
  .refine(
    isPrincipalName,
    `must be Unicode without control characters, 1 to ${principalNameMax} long`,
  )

export const memberSchema = z.strictObject({
  subject: subjectSchema,
  role: z.enum(['reader', 'writer']),
})

/** A text, or a member without a role, is a writer. */
const givenMember = z.union([
  subjectSchema,
  memberSchema.extend({ role: memberSchema.shape.role.optional() }),
])

const subjectOf = (given: z.infer<typeof givenMember>) =>
  typeof given === 'string' ? given : given.subject

export const membersBody = z.object({
  members: z
    .array(givenMember)
    .max(membersMax)
    .refine(
      (members) => new Set(members.map(subjectOf)).size === members.length,
      'must name each subject once',
    ),
})

/** Returns the owner and the members of a session. */
export async function members(c: Context, world: SessionWorld): Promise<Response> {
  return jsonResponse(c, sharedWith(await ownSession(c, world, 'reader')))
}

/** Replaces the members. Only the owner may do this, and not for a task, which has those of its root. */
export async function setMembers(c: Context, world: SessionWorld): Promise<Response> {
  const session = await ownSession(c, world, 'owner')
  const body = membersBody.safeParse(await readFields(c, ['members']))
  if (!body.success) throw new LoomError('invalid-request', issueIn(body.error))
  const next = body.data.members.map((given) => ({
    subject: subjectOf(given),
    role: typeof given === 'string' ? ('writer' as const) : (given.role ?? 'writer'),
  }))
  if (isTaskId(session.id)) {
    throw new LoomError('invalid-request', 'A task has the members of its root: share the root.')
  }
  if (next.some(({ subject }) => subject === session.subject)) {
    throw new LoomError('invalid-request', 'The owner of a session cannot be a member of it too.')
  }
  const isSet = await world.loom.sessions.setMembers(session.id, session.tenant, next)
  if (!isSet) throw noSession()
  const { loom, principal, tenant } = world
  await audit(c, loom, { principal, tenant, action: 'members', sessionId: session.id })
  return c.json(sharedWith({ ...session, members: next }))
}

const sharedWith = ({
  subject,
  members: list = [],
}: Pick<SessionRecord, 'subject' | 'members'>): SharedWith => ({
  ...(subject !== undefined && { owner: subject }),
  members: list,
})
