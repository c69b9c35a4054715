/** The delivery of a response: as a stream, or when it has ended. */
import type { Context } from 'hono'

import { isForClients } from '../../src/event.ts'
import { answerGone } from '../../src/session/whole-answer.ts'
import type { Sessions } from '../../src/sessions.ts'
import { ResponseFold } from '../../src/wire/frames/response-fold.ts'
import { responseEncoder } from '../../src/wire/frames/response-stream.ts'
import { encodedReader, streamAnswer } from '../session-stream.ts'
import type { SessionWorld } from '../session-world.ts'
import { keyText, type ResponseKey } from './response-key.ts'
import { type ResponseIdentity, responseObject, type ResponseSettings } from './response-object.ts'
import { storedAnswer } from './stored-answer.ts'

export interface OpenResponse {
  key: ResponseKey
  /** The id of the session in the store. */
  sessionId: string
  identity: ResponseIdentity
  settings: ResponseSettings
  /** The letter, if its turn may not have begun. */
  letterId: string | undefined
}

const foldOptions = ({ key, identity }: Pick<OpenResponse, 'key' | 'identity'>) => ({
  key: keyText(key),
  part: key.part,
  isStructured: key.isStructured,
  agent: identity.model,
})

export const foldOf = (response: Pick<OpenResponse, 'key' | 'identity'>): ResponseFold =>
  new ResponseFold(foldOptions(response))

/**
 * Sends the events of a response to its end.
 * @param startingAfter the number of the last event that the client has. -1 if it has none
 * @returns the response, and a promise that settles when the client has it or is gone
 */
export function streamResponse(
  c: Context,
  world: SessionWorld,
  open: OpenResponse,
  { startingAfter }: { startingAfter: number },
): { response: Response; delivery: Promise<void> } {
  const { key, sessionId, identity, settings, letterId } = open
  const encoder = responseEncoder({
    ...foldOptions(open),
    startingAfter,
    describe: (fold) => responseObject(identity, settings, { fold }),
  })
  const reader = encodedReader(c, world, { encoder, floor: 'any' })
  // The client needs the id also if the instance dies before the first event of the log.
  if (encoder.opening !== '') void reader.reply.sendEncoded({ type: 'start' }, encoder.opening)
  const { logId } = key
  const delivery = streamAnswer(
    world,
    {
      sessionId,
      // The numbers of the events count from the beginning of the part, so the encoder needs all of the log.
      place: { logId, after: undefined, skip: 0 },
      ...(letterId !== undefined && { queued: { letterId, logId, answers: [] } }),
    },
    reader,
  )
  return { response: reader.reply.open(), delivery }
}

/**
 * Waits for a response to its end.
 * @throws LoomError `gone` if the answer is neither in a log nor in the history; `refused` if its letter was
 * withdrawn; the reason of the signal
 */
export async function followResponse(
  sessions: Sessions,
  open: OpenResponse,
  signal: AbortSignal,
): Promise<ResponseFold> {
  const { key, sessionId, letterId } = open
  const { logId } = key
  if (letterId !== undefined) {
    await sessions.readers.placeOfLetter(sessionId, { letterId, logId, answers: [] }, signal)
  }
  const fold = foldOf(open)
  const whole = new AbortController()
  await sessions.readers
    .follow({
      sessionId,
      logId,
      after: undefined,
      signal: AbortSignal.any([signal, whole.signal]),
      deliver({ events }) {
        for (const event of events) if (isForClients(event)) fold.add(event)
        if (fold.end !== undefined) whole.abort()
      },
    })
    .catch((error: unknown) => {
      if (fold.end === undefined) throw error
    })
  if (fold.end !== undefined) return fold
  // The log has expired: the message in the history has the rest.
  const session = await sessions.session(sessionId)
  const answer = session && (await storedAnswer(sessions, session, logId))
  const stored = foldOf(open)
  for (const event of answer?.events ?? []) if (isForClients(event)) stored.add(event)
  if (stored.end === undefined) throw answerGone()
  return stored
}
