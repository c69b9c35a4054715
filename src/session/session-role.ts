/** The role of a principal in a session: what it may do there beside its scopes. */
import { hasScope, type Principal } from '../ground/principal.ts'
import type { Author, MemberRole } from '../store/member.ts'
import { subjectsOf } from '../store/member.ts'
import type { SessionRecord } from '../store/session.ts'
import { isTaskId, rootOf } from '../store/task.ts'

/** `owner`: may also delete the session and share it. */
export type SessionRole = 'owner' | MemberRole

/** The roles. Each one includes those before it. */
const roles = ['reader', 'writer', 'owner'] as const

export const includesRole = (held: SessionRole, needed: SessionRole): boolean =>
  roles.indexOf(held) >= roles.indexOf(needed)

/**
 * Returns the role of a principal. Returns undefined if the session does not exist for it.
 * @param root the session, or the root of the tree of a task
 */
export function roleIn(
  root: Pick<SessionRecord, 'tenant' | 'subject' | 'members'>,
  principal: Principal,
): SessionRole | undefined {
  const { tenant, subject, session } = principal
  if (root.tenant !== tenant) return undefined
  if (hasScope(principal, 'admin')) return 'owner'
  // A page holds the credential of one session. Without a subject it has at most the rights of a writer.
  if (subject === undefined) return session === undefined ? 'owner' : 'writer'
  if (root.subject === subject) return 'owner'
  return root.members?.find((member) => member.subject === subject)?.role
}

/**
 * Whether a principal may name this session at all: it may be limited to one session and its tasks.
 * @param id the id by which the tenant names the session
 */
export const mayName = ({ session }: Principal, id: string): boolean =>
  session === undefined || rootOf(id) === session

/**
 * Returns the author of what a principal posts to a session. The tree of a task decides about the task, so the
 * store does not check the author there.
 * @param sessionId the id of the session in the store
 */
export function authorOf(
  principal: Principal,
  sessionId: string,
  session: SessionRecord | undefined,
): Author {
  const { subject } = principal
  if (isTaskId(sessionId)) return {}
  const listedFor = session && { listedFor: subjectsOf(session) }
  if (subject === undefined) return { ...listedFor }
  return { ...listedFor, subject, ...(!hasScope(principal, 'admin') && { writer: subject }) }
}
