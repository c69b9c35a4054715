/**
 * The notes of the requests that a server watches: the id of a request, its path, and the code of its error. This
 * file loads nothing of a server, because the routes of a library read it.
 */
import type { Context } from 'hono'

import type { LoomErrorCode } from '../src/ground/error.ts'
import type { Principal } from '../src/ground/principal.ts'
import type { RequestNote } from '../src/server/request-watch.ts'

export interface WatchedRequest extends RequestNote {
  code?: LoomErrorCode
}

const notes = new WeakMap<Request, WatchedRequest>()

/** Returns the note of a request. Undefined if nothing watches the requests. */
export const noteOf = (c: Context): RequestNote | undefined => notes.get(c.req.raw)

export const setNote = (c: Context, note: WatchedRequest) => void notes.set(c.req.raw, note)

/** Notes the sender of a request. A principal without a name is the only one of its server. */
export function notePrincipal(c: Context, { tenant, subject, operator }: Principal): void {
  const note = notes.get(c.req.raw)
  if (note === undefined) return
  if (tenant !== '') note.principal = tenant
  note.subject = subject
  note.operator = operator
}

/** Notes the code of the error that the client receives. */
export function noteCode(c: Context, code: LoomErrorCode): void {
  const note = notes.get(c.req.raw)
  if (note !== undefined) note.code = code
}
