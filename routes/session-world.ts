/** The objects that the handlers of one request to the session routes share. */
import type { JSONObject } from '@ai-sdk/provider'
import type { Context } from 'hono'

import type { Agent } from '../src/agent.ts'
import { LoomError } from '../src/ground/error.ts'
import { isFields } from '../src/ground/fields.ts'
import { isJsonObject, toJson } from '../src/ground/json.ts'
import { isPrincipalName, isScope, type Principal, wholeTenant } from '../src/ground/principal.ts'
import { withinLimit } from '../src/ground/time-limit.ts'
import type { Loom } from '../src/loom.ts'
import { missingAgent } from '../src/session/mailboxes.ts'
import { noSession } from '../src/session/receipt.ts'
import { includesRole, mayName, roleIn, type SessionRole } from '../src/session/session-role.ts'
import type { Sessions } from '../src/sessions.ts'
import { serverField } from '../src/store/context.ts'
import type { SessionRecord } from '../src/store/session.ts'
import { isTaskId, rootOf } from '../src/store/task.ts'
import { noteOf, notePrincipal } from './request-note.ts'

export interface SessionWorld {
  loom: Loom
  /** The principal of the request. A session belongs to the principal that created it. */
  principal: Principal
  /** The tenant of the principal. Each tenant has its own ids. */
  tenant: string
  /** Returns the server's part of the context. Undefined if all of the context is the client's. */
  serverContext: (() => Promise<JSONObject>) | undefined
}

/** The result of `principalOf`. A text is a tenant; see `wholeTenant`. Undefined refuses the request. */
export type GivenPrincipal = string | Principal | undefined

/** The functions of the application that decide about a request; see `SessionRoutesOptions`. */
export interface RequestRules {
  principalOf: (c: Context) => GivenPrincipal | Promise<GivenPrincipal>
  contextOf: ((c: Context) => unknown) | undefined
  /** The time limit of each of them, in milliseconds. */
  timeoutMs: number
}

/**
 * @throws LoomError `unauthorized` for a request without a principal; `unavailable` if a rule returns too late;
 * the errors of the rules
 */
export async function worldOf(
  c: Context,
  loom: Loom,
  { principalOf, contextOf, timeoutMs }: RequestRules,
): Promise<SessionWorld> {
  const resultOf = (name: string, rule: (c: Context) => unknown) =>
    ruleResult(c, { name, rule, timeoutMs })
  const principal = principalIn(await resultOf('principalOf', principalOf))
  notePrincipal(c, principal)
  const serverContext =
    contextOf && (async () => serverPart(await resultOf('contextOf', contextOf)))
  return { loom, principal, tenant: principal.tenant, serverContext }
}

/** @param given any value: an application may be written without types */
function principalIn(given: unknown): Principal {
  if (given === undefined || given === null) {
    throw new LoomError(
      'unauthorized',
      'The server does not know the sender of this request. Sign in, and send it again.',
    )
  }
  if (typeof given === 'string') return wholeTenant(given)
  if (isPrincipal(given)) return given
  // Not a `LoomError`: this is a fault of the application, and the text is for its error log.
  throw new Error(
    `principalOf must return a text or undefined, or a Principal; got ${isFields(given) ? 'an object that is none' : `a ${typeof given}`}.`,
  )
}

const isPrincipal = (given: unknown): given is Principal =>
  isFields(given) &&
  typeof given['tenant'] === 'string' &&
  (given['subject'] === undefined || isPrincipalName(given['subject'])) &&
  (given['session'] === undefined || typeof given['session'] === 'string') &&
  (given['expiresAt'] === undefined || typeof given['expiresAt'] === 'number') &&
  Array.isArray(given['scopes']) &&
  given['scopes'].every(isScope)

/**
 * The result of a rule, which may never come: a lookup of the application can hang. The wait ends with the
 * request.
 */
async function ruleResult(
  c: Context,
  { name, rule, timeoutMs }: { name: string; rule: (c: Context) => unknown; timeoutMs: number },
): Promise<unknown> {
  const lateError = () => {
    const cause = new Error(`${name} did not return within ${timeoutMs} ms.`)
    return new LoomError('unavailable', notChecked, { cause })
  }
  const signal = () => c.req.raw.signal
  try {
    return await withinLimit({ limitMs: timeoutMs, lateError, signal }, () => rule(c))
  } catch (error) {
    // The reason of the signal is no fault of the application.
    if (!signal().aborted) throw error
    throw new LoomError('aborted', 'The client closed the connection.', { cause: error })
  }
}

const notChecked =
  'The server could not check this request in time. Send the request again with the same ids.'

function serverPart(value: unknown): JSONObject {
  if (value === undefined || value === null) return {}
  try {
    const json = toJson(value)
    if (isJsonObject(json) && !Object.hasOwn(json, serverField)) return json
  } catch (cause) {
    throw new Error(notAnObject, { cause })
  }
  // Not a `LoomError`: this is a fault of the application, and the text is for its error log.
  throw new Error(notAnObject)
}

const notAnObject = `contextOf must return an object of JSON values, without the field "${serverField}".`

/**
 * Returns the session of the address.
 * @param role the role that the principal needs in it
 * @throws LoomError `not-found`, also for a session of another principal, so that its content stays secret;
 * `forbidden` for a member with a lower role
 */
export async function ownSession(
  c: Context,
  world: SessionWorld,
  role: SessionRole,
): Promise<SessionRecord> {
  const id = c.req.param('id') ?? ''
  const session = await findSession(world, id, role)
  const note = noteOf(c)
  if (note !== undefined && session !== undefined) note.sessionId = id
  if (session !== undefined) return session
  throw noSession()
}

/**
 * Returns a session that may not exist yet.
 * @param id the id by which the tenant names the session
 * @throws LoomError as `ownSession`, if the session exists
 */
export async function findSession(
  { loom: { sessions }, tenant, principal }: SessionWorld,
  id: string,
  role: SessionRole,
  { isReader = false } = {},
): Promise<SessionRecord | undefined> {
  if (!mayName(principal, id)) throw noSession()
  const session = await sessions.find(tenant, id, isReader)
  if (session === undefined) return undefined
  const held = await roleOf(sessions, session, principal)
  if (held === undefined) throw noSession()
  if (includesRole(held, role)) return session
  throw new LoomError(
    'forbidden',
    role === 'owner'
      ? 'Only the owner of this session may do this.'
      : 'This session is shared with you for reading only.',
  )
}

/** Returns the role of a principal in a session. The root of its tree decides about a task. */
export async function roleOf(
  sessions: Sessions,
  session: SessionRecord,
  principal: Principal,
): Promise<SessionRole | undefined> {
  const root = isTaskId(session.id) ? await sessions.session(rootOf(session.id)) : session
  return root && roleIn(root, principal)
}

/**
 * Returns the agent of the address, of the body, of the session, or the default agent, in this
 * order.
 * @throws LoomError `unknown-agent`
 * @throws LoomError `unavailable` if only another instance has the session's agent
 */
export function agentOf(
  c: Context,
  { loom }: SessionWorld,
  { named, session }: { named?: string | undefined; session?: SessionRecord | undefined } = {},
): Agent {
  const name = c.req.param('agent') ?? named ?? session?.agent ?? loom.defaultAgent
  const names = loom.agents.map((agent) => agent.name)
  if (name === session?.agent && !names.includes(name)) throw missingAgent(name, names)
  return loom.agentOf(name)
}
