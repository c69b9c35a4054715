/**
 * Gives a reader what a session's log says, from a place to the end of the message. The reader may
 * be the one that posted, or one that came back, or a second tab: they are all the same here.
 */
import type { Context } from 'hono'

import { encoderOf } from '../src/frames.ts'
import { cursorOf } from '../src/session/entry-id.ts'
import type { Place } from '../src/sessions.ts'
import { ResponseSink } from '../src/sink/response.ts'
import { readingOf } from '../src/stream-agent.ts'
import type { SessionWorld } from './session-world.ts'

export interface StreamRequest {
  sessionId: string
  place: Place
  /** The letter whose turn is waited for first. */
  queuedLetter?: string
}

/** Sorts below every profile: a reader that declares none knows the fewest chunks. */
const undeclared = 'any'

export function streamSession(c: Context, world: SessionWorld, request: StreamRequest): Response {
  const { profile, protocol } = readingOf(c, {})
  const reply = new ResponseSink(c, {
    encoder: encoderOf(protocol, profile),
    keepAliveMs: world.config.keepAliveMs,
  })
  const floor = protocol === 'ui' ? (profile ?? undeclared) : undeclared
  void deliver(world, request, { reply, floor })
  return reply.open()
}

async function deliver(
  { sessions, report }: SessionWorld,
  { sessionId, place, queuedLetter }: StreamRequest,
  { reply, floor }: { reply: ResponseSink; floor: string },
): Promise<void> {
  const signal = reply.closed
  let { skip } = place
  let isWhole = false
  try {
    if (queuedLetter !== undefined) await sessions.begun(sessionId, queuedLetter, signal)
    await sessions.store.noteReader(sessionId, place.logId, floor)
    const end = await sessions.follow({
      sessionId,
      logId: place.logId,
      after: place.after,
      signal,
      deliver: async (entry) => {
        for (const [index, event] of entry.events.entries()) {
          if (index < skip) continue
          const wait = reply.send(event, cursorOf(entry.id, index))
          if (wait !== undefined) await wait
        }
        skip = 0
      },
    })
    isWhole = end === 'finished'
  } catch (error) {
    if (!signal.aborted) report(error)
  } finally {
    reply.end(isWhole)
  }
}
