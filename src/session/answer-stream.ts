/** The events of an answer as an async iterable, for callers in the same process. */
import type { AgentEvent } from '../event.ts'
import type { Sessions } from '../sessions.ts'
import type { Sink } from '../sink.ts'
import { openEventQueue } from '../sink/queue.ts'
import type { LogEntry } from '../store/log.ts'
import { type Answered, answerGone, placeOfAnswer } from './whole-answer.ts'

/** Leaving the loop over the events leaves the answer running. */
export async function* answerStream(
  sessions: Sessions,
  sessionId: string,
  answering: Answered,
  signal?: AbortSignal,
): AsyncGenerator<AgentEvent, void> {
  const queue = openEventQueue()
  const leaving = new AbortController()
  const until = signal === undefined ? leaving.signal : AbortSignal.any([signal, leaving.signal])
  follow(sessions, sessionId, { answering, signal: until, sink: queue.sink }).then(
    () => queue.end(),
    (reason: unknown) => queue.end({ reason }),
  )
  try {
    yield* queue.events
  } finally {
    leaving.abort()
  }
}

/** @throws LoomError `gone` where the log expired before its end was read */
async function follow(
  sessions: Sessions,
  sessionId: string,
  { answering, signal, sink }: { answering: Answered; signal: AbortSignal; sink: Sink },
): Promise<void> {
  const { logId, after, skip } = await placeOfAnswer(sessions, sessionId, answering, signal)
  let first = skip
  const deliver = async ({ events }: LogEntry) => {
    const from = first
    first = 0
    for (const event of from === 0 ? events : events.slice(from)) await sink(event)
  }
  const end = await sessions.readers.follow({ sessionId, logId, after, signal, deliver })
  if (end === 'gone') throw answerGone()
}
