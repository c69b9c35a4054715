/**
 * `GET …/stream?follow=session` and `?follow=queue`: one stream for several messages of a session.
 * Each message begins with a `start` that has its `messageId` and ends with `finish`. A `useChat`
 * of ai 6 or 7 that resumes begins a new message at a `start` with another id (verified on 6.0.326
 * and 7.0.173: `resetStateOnMessageIdChange`). ai 5 puts all into one message, so `queue` equals
 * `message` for the profile v5. `[DONE]` comes once, at the end of the stream. The stream of a
 * deleted session ends with an `error` event, so that no reader mixes it with a new session of the
 * same id.
 */
import type { Context } from 'hono'

import { LoomError } from '../src/ground/error.ts'
import {
  type FollowedSession,
  type FollowScope,
  SessionFollower,
  type SessionReading,
} from '../src/session/session-follower.ts'
import type { Reading } from '../src/wire/reading.ts'
import { watchAccess } from './access-watch.ts'
import { deliverLog, openReader, type Reader, sendEvent } from './session-stream.ts'
import type { SessionWorld } from './session-world.ts'

/** The end of the stream. `message`: at the end of the message. For the others, see `FollowScope`. */
export type Follow = 'message' | FollowScope

/** @throws LoomError `invalid-request` */
export function followOf(c: Context, { profile }: Reading): Follow {
  const follow = c.req.query('follow') ?? 'message'
  if (follow === 'queue' && profile === 'v5') return 'message'
  if (follow === 'message' || follow === 'queue' || follow === 'session') return follow
  throw new LoomError('invalid-request', 'follow must be message, queue or session.')
}

export interface FollowRequest extends FollowedSession {
  /** The cursor of the last event that the reader already has. */
  cursor: string | undefined
  reading: Reading
}

export function followSession(c: Context, world: SessionWorld, request: FollowRequest): Response {
  const reader = openReader(c, world, request.reading)
  void deliver(world, request, reader)
  return reader.reply.open()
}

async function deliver(world: SessionWorld, request: FollowRequest, reader: Reader): Promise<void> {
  const { report, sessions } = world.loom
  const { reply } = reader
  const { sessionId } = request
  const unwatch = watchAccess(world, { sessionId, staysOpen: true }, reply)
  let isWhole = false
  try {
    const follower = new SessionFollower(sessions, request, readingOfReader(world, request, reader))
    isWhole = await follower.run()
  } catch (error) {
    // An instance that shuts down cuts the stream. The client continues on another instance.
    const isLeaving = error instanceof LoomError && error.code === 'unavailable'
    const isGone = error instanceof LoomError && error.code === 'gone'
    if (isGone) {
      await reply.send({ type: 'error', errorText: error.message })
      await reply.send({ type: 'finish', finishReason: 'error' })
      isWhole = true
    } else if (!reply.closed.aborted && !isLeaving) report(error)
  } finally {
    unwatch()
    reply.end(isWhole)
  }
}

function readingOfReader(
  world: SessionWorld,
  { sessionId, scope, reading, ...request }: FollowRequest,
  reader: Reader,
): SessionReading {
  let cursor = request.cursor ?? ''
  const sendsData = reading.protocol === 'ui' && scope === 'session'
  return {
    signal: reader.reply.closed,
    async deliverLog(place) {
      const { end, after, last } = await deliverLog(world, sessionId, place, reader)
      cursor = last ?? cursor
      return { end, after }
    },
    // A chunk that is not in the log carries the id of the event before it, so a reader that comes
    // back misses nothing.
    sendData: sendsData
      ? (type, data) => sendEvent(reader, { type, data, transient: true }, cursor)
      : undefined,
  }
}
