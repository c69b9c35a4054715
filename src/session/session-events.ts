/** The events of a whole session as an async iterable, for callers in the same process. */
import type { AgentEvent } from '../event.ts'
import type { Sessions } from '../sessions.ts'
import { eventsFrom, readLogInto } from './log-events.ts'
import { type FollowedSession, SessionFollower } from './session-follower.ts'
import { answerGone } from './whole-answer.ts'

/** @throws LoomError `gone` in the loop if the session was deleted, or a log expired before it was read */
export function sessionEvents(
  sessions: Sessions,
  followed: FollowedSession,
  signal: AbortSignal | undefined,
): AsyncGenerator<AgentEvent, void> {
  const { sessionId, scope } = followed
  return eventsFrom(signal, async (sink, until) => {
    const follower = new SessionFollower(sessions, followed, {
      signal: until,
      deliverLog: (place) =>
        readLogInto(sink, sessions.readers, { sessionId, place, signal: until }),
      sendData:
        scope === 'session'
          ? async (type, data) => sink({ type, data, transient: true })
          : undefined,
    })
    if (!(await follower.run())) throw answerGone()
  })
}
