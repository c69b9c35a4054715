/**
 * Ends an open stream when its reader may not read the session any more: a member was removed, or the credential
 * of a stream that stays open has expired.
 */
import { hasScope } from '../src/ground/principal.ts'
import { timerMaxMs } from '../src/ground/until-aborted.ts'
import type { ResponseSink } from '../src/wire/response.ts'
import { roleOf, type SessionWorld } from './session-world.ts'

/** The time between two checks of a member, in milliseconds. */
const checkEveryMs = 2000

/** @returns a function that ends the watch */
export function watchAccess(
  world: SessionWorld,
  { sessionId, staysOpen }: { sessionId: string; staysOpen: boolean },
  reply: ResponseSink,
): () => void {
  const { loom, principal } = world
  const { subject, expiresAt } = principal
  let isChecking = false
  const check = async () => {
    if (isChecking) return
    isChecking = true
    try {
      const session = await loom.sessions.session(sessionId)
      // The stream of a deleted session ends by itself.
      if (session === undefined) return
      const role = await roleOf(loom.sessions, session, principal)
      if (role === undefined) reply.cut('The session is not shared with this reader any more.')
    } catch (error) {
      // The store is away, and the next check asks again. Nothing new is read meanwhile.
      if (!reply.closed.aborted) loom.report(error)
    } finally {
      isChecking = false
    }
  }
  // Only a member can lose a session.
  const canLose = subject !== undefined && !hasScope(principal, 'admin')
  const timer = canLose ? setInterval(() => void check(), checkEveryMs).unref() : undefined
  const expiry =
    staysOpen && expiresAt !== undefined
      ? setTimeout(
          () => reply.cut('The credential of this reader has expired.'),
          Math.min(Math.max(expiresAt - Date.now(), 0), timerMaxMs),
        ).unref()
      : undefined
  return () => {
    clearInterval(timer)
    clearTimeout(expiry)
  }
}
