/**
 * Sends a session's log to a reader, from one place to the end of the message. The reader may be
 * the client that posted, a client that came back, or a second tab: all are treated alike.
 */
import type { Context } from 'hono'

import type { AgentEvent } from '../src/event.ts'
import { LoomError } from '../src/ground/error.ts'
import { cursorOf } from '../src/session/entry-id.ts'
import type { Place } from '../src/session/place.ts'
import type { QueuedLetter } from '../src/session/readers.ts'
import type { FollowEnd, Shared } from '../src/session/tail-reader.ts'
import type { LogEntry } from '../src/store/log.ts'
import type { ReaderFloor } from '../src/store/turn.ts'
import { type Encoder, encoderOf } from '../src/wire/frames.ts'
import { frameOf, LargeFrame } from '../src/wire/large-frame.ts'
import type { Reading } from '../src/wire/reading.ts'
import { ResponseSink } from '../src/wire/response.ts'
import { watchAccess } from './access-watch.ts'
import type { SessionWorld } from './session-world.ts'

export interface StreamRequest {
  sessionId: string
  place: Place
  reading: Reading
  /** A letter that waits. The stream then begins when its turn begins, and `place` is ignored. */
  queued?: QueuedLetter
}

export interface Reader {
  encoder: Encoder
  reply: ResponseSink
  floor: ReaderFloor
  /** Prepares the encoder for the log of the place. @defaultValue nothing: the encoder needs only the events */
  begin?: (place: Place) => Promise<void>
  /** Prepares the encoder for an entry. Returns a promise only if it has to wait. @defaultValue nothing */
  prepare?: (entry: LogEntry) => Promise<void> | undefined
}

export function streamSession(c: Context, world: SessionWorld, request: StreamRequest): Response {
  const reader = openReader(c, world, request.reading)
  void streamAnswer(world, request, reader)
  return reader.reply.open()
}

/** Opens a response and the encoder for its reader. */
export function openReader(
  c: Context,
  world: Pick<SessionWorld, 'loom'>,
  { profile, protocol }: Reading,
): Reader {
  const floor = protocol === 'ui' ? (profile ?? 'any') : 'any'
  return encodedReader(c, world, { encoder: encoderOf(protocol, profile), floor })
}

/** Opens a response for a reader with this encoder. */
export function encodedReader(
  c: Context,
  { loom }: Pick<SessionWorld, 'loom'>,
  { encoder, floor }: Pick<Reader, 'encoder' | 'floor'>,
): Reader {
  const reply = new ResponseSink(c, { encoder, keepAliveMs: loom.keepAliveMs })
  return { encoder, reply, floor }
}

/** Sends an answer to its end, or until the reader is gone. It reports its errors itself. */
export async function streamAnswer(
  world: SessionWorld,
  { sessionId, place, queued }: Omit<StreamRequest, 'reading'>,
  reader: Reader,
): Promise<void> {
  const { sessions, report } = world.loom
  const { reply } = reader
  const signal = reply.closed
  const unwatch = watchAccess(world, { sessionId, staysOpen: false }, reply)
  let isWhole = false
  try {
    const from =
      queued === undefined ? place : await sessions.readers.placeOfLetter(sessionId, queued, signal)
    await reader.begin?.(from)
    const { end } = await deliverLog(world, sessionId, from, reader)
    isWhole = end === 'finished'
    if (end === 'gone') await sessions.readers.checkMessage(sessionId, from.logId)
  } catch (error) {
    // The letter was withdrawn or cut while it waited, or the session was deleted. A cut connection
    // would make the client ask again.
    if (error instanceof LoomError && (error.code === 'refused' || error.code === 'gone')) {
      await reply.send({ type: 'error', errorText: error.message })
      await reply.send({ type: 'finish', finishReason: 'error' })
      isWhole = true
    } else if (!signal.aborted) report(error)
  } finally {
    unwatch()
    reply.end(isWhole)
  }
}

/** Sends a log from a place to its end. `last` is the cursor of the last event that was read. */
export async function deliverLog(
  { loom: { sessions } }: SessionWorld,
  sessionId: string,
  { logId, after, skip: first }: Place,
  { reply, encoder, floor, prepare }: Reader,
): Promise<{ end: FollowEnd; after: string | undefined; last: string | undefined }> {
  let skip = first
  let read = after
  let last: string | undefined
  // The answer of some readers is only a part of the log.
  const whole = new AbortController()
  const isPart = encoder.isOver !== undefined
  const following = sessions.readers.follow({
    sessionId,
    logId,
    after,
    floor,
    signal: isPart ? AbortSignal.any([reply.closed, whole.signal]) : reply.closed,
    deliver: (entry, shared) => {
      const from = skip
      skip = 0
      read = entry.id
      if (entry.events.length > 0) last = cursorOf(entry.id, entry.events.length - 1)
      const deliver = () => send(reply, entry, framesOf(entry, encoder, shared), from)
      const ready = prepare?.(entry)
      const wait = ready === undefined ? deliver() : ready.then(deliver)
      if (!isPart) return wait
      const settle = () => {
        if (encoder.isOver?.() === true) whole.abort()
      }
      return wait === undefined ? settle() : wait.then(settle)
    },
  })
  const end = await following.catch((error: unknown) => {
    if (whole.signal.aborted && !reply.closed.aborted) return 'finished' as const
    throw error
  })
  return { end, after: read, last }
}

/** Sends one event that is not in a log. */
export async function sendEvent(
  { reply, encoder }: Reader,
  event: AgentEvent,
  cursor: string,
): Promise<void> {
  const frame = frameOf(encoder, event, cursor)
  await (frame instanceof LargeFrame ? reply.sendPieces(frame) : reply.sendEncoded(event, frame))
}

type Frames = readonly (string | LargeFrame | undefined)[]

/** Encodes the events of an entry. All readers with the same encoding share the frames. */
function framesOf(entry: LogEntry, encoder: Encoder, shared: Shared | undefined): Frames {
  const { sharedAs } = encoder
  const sharedFrames = sharedAs === undefined ? undefined : shared?.get(sharedAs)
  if (sharedFrames !== undefined) return sharedFrames
  const frames = entry.events.map((event, index) =>
    frameOf(encoder, event, cursorOf(entry.id, index)),
  )
  if (sharedAs !== undefined) shared?.set(sharedAs, frames)
  return frames
}

/** Returns a promise only if the reader lags. The next event is sent after it has caught up. */
function send(
  reply: ResponseSink,
  entry: LogEntry,
  frames: Frames,
  from: number,
): void | Promise<void> {
  for (let index = from; index < entry.events.length; index++) {
    const event = entry.events[index]
    if (event === undefined) return undefined
    const frame = frames[index]
    const wait =
      frame instanceof LargeFrame ? reply.sendPieces(frame) : reply.sendEncoded(event, frame)
    if (wait !== undefined) return wait.then(() => send(reply, entry, frames, index + 1))
  }
  return undefined
}
