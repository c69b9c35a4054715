/** The events of an answer as an async iterable, for callers in the same process. */
import type { AgentEvent } from '../event.ts'
import type { Sessions } from '../sessions.ts'
import type { Sink } from '../sink.ts'
import { openEventQueue } from '../sink/queue.ts'
import type { LogEntry } from '../store/log.ts'
import { type AnswerReceipt, answerGone, placeOfAnswer } from './whole-answer.ts'

/** Ends with the answer. A caller that leaves the loop early ends only its own reading: the turn continues. */
export async function* answerStream(
  sessions: Sessions,
  sessionId: string,
  receipt: AnswerReceipt,
  signal?: AbortSignal,
): AsyncGenerator<AgentEvent, void> {
  const queue = openEventQueue()
  const loopEnd = new AbortController()
  const until = signal === undefined ? loopEnd.signal : AbortSignal.any([signal, loopEnd.signal])
  follow(sessions, sessionId, { receipt, signal: until, sink: queue.sink }).then(
    () => queue.end(),
    (reason: unknown) => queue.end({ reason }),
  )
  try {
    yield* queue.events
  } finally {
    loopEnd.abort()
  }
}

/** @throws LoomError `gone` if the log expired before its end was read */
async function follow(
  sessions: Sessions,
  sessionId: string,
  { receipt, signal, sink }: { receipt: AnswerReceipt; signal: AbortSignal; sink: Sink },
): Promise<void> {
  const { logId, after, skip } = await placeOfAnswer(sessions, sessionId, receipt, signal)
  let first = skip
  const deliver = async ({ events }: LogEntry) => {
    const from = first
    first = 0
    for (const event of from === 0 ? events : events.slice(from)) await sink(event)
  }
  const end = await sessions.readers.follow({ sessionId, logId, after, signal, deliver })
  if (end === 'gone') throw answerGone()
}
