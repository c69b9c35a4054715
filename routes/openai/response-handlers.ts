/** The routes of a response that exists: retrieve it, stop it, delete it, list its input. */
import type { Context } from 'hono'

import { isForClients } from '../../src/event.ts'
import { LoomError } from '../../src/ground/error.ts'
import { fieldOf, textField } from '../../src/ground/fields.ts'
import type { SessionRole } from '../../src/session/session-role.ts'
import { stopSession } from '../../src/session/session-stop.ts'
import { answerGone } from '../../src/session/whole-answer.ts'
import type { SessionRecord } from '../../src/store/session.ts'
import type { ResponseFold } from '../../src/wire/frames/response-fold.ts'
import { audit } from '../audit.ts'
import { jsonResponse } from '../json-response.ts'
import { noteOf } from '../request-note.ts'
import { findSession, type SessionWorld } from '../session-world.ts'
import { inputItemsOf, pageOf } from './input-items.ts'
import { foldOf, followResponse, type OpenResponse, streamResponse } from './response-delivery.ts'
import { readResponseId, type ResponseKey, responseId } from './response-key.ts'
import { metadataOf, previousOf } from './response-metadata.ts'
import { responseObject, storedSettings } from './response-object.ts'
import { type StoredAnswer, storedAnswer } from './stored-answer.ts'

export async function retrieveResponse(c: Context, world: SessionWorld): Promise<Response> {
  const found = await ownResponse(c, world, 'reader')
  if (c.req.query('stream') !== 'true') return described(c, found)
  const { open, answer } = found
  // Only a log has the events.
  if (answer !== undefined && !answer.hasLog) throw answerGone()
  const { response } = streamResponse(c, world, open, { startingAfter: startingAfter(c) })
  return response
}

export async function cancelResponse(c: Context, world: SessionWorld): Promise<Response> {
  const found = await ownResponse(c, world, 'writer')
  const { key, session, open, fold } = found
  if (!key.isBackground) {
    throw new LoomError('invalid-request', 'Cannot cancel a synchronous response.')
  }
  if (fold.end !== undefined || found.isWithdrawn) return described(c, found)
  const { loom, principal, tenant } = world
  const stop = { messageId: key.logId, queue: 'run' as const }
  const letterId = open.letterId ?? key.logId
  const { withdrawn } = await stopSession(loom.sessions, session, {
    ...stop,
    messageId: found.waits ? letterId : key.logId,
  })
  await audit(c, loom, { principal, tenant, action: 'stop', sessionId: session.id })
  if (withdrawn === true) return described(c, { ...found, isWithdrawn: true })
  const signal = AbortSignal.any([c.req.raw.signal, AbortSignal.timeout(stopMs)])
  const ended = await followResponse(loom.sessions, open, signal).catch(() => undefined)
  return described(c, ended === undefined ? found : { ...found, fold: ended, waits: false })
}

/** The longest wait for the end of a turn that was stopped, in milliseconds. */
const stopMs = 10_000

export async function deleteResponse(c: Context, world: SessionWorld): Promise<Response> {
  const { key, session } = await ownResponse(c, world, 'owner')
  const { loom, principal, tenant } = world
  if (!key.isOwnSession) {
    throw new LoomError(
      'refused',
      `The response belongs to the session "${key.session}", which its request named. DELETE /api/chat/${encodeURIComponent(key.session)} deletes this session.`,
    )
  }
  const isLast = session.turn?.logId === key.logId && session.queued === 0
  if (!isLast) {
    throw new LoomError(
      'refused',
      'Another response continues this one. Delete the last response of the chain: this deletes the whole chain.',
    )
  }
  if (!(await loom.sessions.remove(session.id, tenant))) throw noResponse(responseId(key))
  await audit(c, loom, { principal, tenant, action: 'delete', sessionId: session.id })
  return c.json({ id: responseId(key), object: 'response', deleted: true })
}

export async function listInputItems(c: Context, world: SessionWorld): Promise<Response> {
  const { key, session, fold } = await ownResponse(c, world, 'reader')
  const items = await inputItemsOf(world.loom.sessions, session, { key, answers: fold.answers })
  return jsonResponse(c, pageOf(c, items))
}

interface FoundResponse {
  key: ResponseKey
  session: SessionRecord
  open: OpenResponse
  /** Undefined while the turn has not begun. */
  answer: StoredAnswer | undefined
  fold: ResponseFold
  /** Whether the turn has not begun. */
  waits: boolean
  /** Whether the request was withdrawn before its turn. */
  isWithdrawn: boolean
}

const noResponse = (id: string) =>
  new LoomError('not-found', `There is no response with the id "${id}".`)

/** @throws LoomError `not-found`, also for a response in a session of another principal; also as `findSession` */
async function ownResponse(
  c: Context,
  world: SessionWorld,
  role: SessionRole,
): Promise<FoundResponse> {
  const id = c.req.param('id') ?? ''
  const key = readResponseId(id)
  if (key === undefined) throw noResponse(id)
  const session = await findSession(world, key.session, role)
  if (session === undefined) throw noResponse(id)
  c.header('x-loom-session', encodeURIComponent(key.session))
  const note = noteOf(c)
  if (note !== undefined) Object.assign(note, { sessionId: key.session, messageId: key.logId })
  const { sessions } = world.loom
  const letter = (await sessions.queue(session.id)).find(({ replyId }) => replyId === key.logId)
  const answer = await storedAnswer(sessions, session, key.logId)
  const isWithdrawn =
    answer === undefined && letter === undefined && (await wasWithdrawn(world, session, key))
  if (answer === undefined && letter === undefined && !isWithdrawn) throw noResponse(id)
  const message = letter?.message ?? (await messageBefore(world, session, key))
  const identity = {
    id,
    model: agentIn(answer) ?? letter?.request.agent ?? session.turn?.agent ?? session.agent,
    created_at: key.createdAt,
    background: key.isBackground,
  }
  const settings = storedSettings({
    metadata: metadataOf(message),
    conversation: key.isOwnSession ? undefined : key.session,
    previous: previousOf(message),
  })
  const fold = foldOf({ key, identity })
  for (const event of answer?.events ?? []) if (isForClients(event)) fold.add(event)
  const open = { key, sessionId: session.id, identity, settings, letterId: letter?.id }
  const waits = letter !== undefined && answer === undefined
  return { key, session, open, answer, fold, waits, isWithdrawn }
}

async function wasWithdrawn(
  { loom: { sessions } }: SessionWorld,
  session: SessionRecord,
  { letterId }: ResponseKey,
): Promise<boolean> {
  if (letterId === undefined) return false
  const { findLetter } = await sessions.viewOf(session.id, session)
  const place = await findLetter(letterId)
  return place?.as === 'withdrawn' || place?.as === 'cut'
}

/** The message of the user that the response answers. Undefined if it answers the results of calls. */
async function messageBefore(
  { loom: { sessions } }: SessionWorld,
  session: SessionRecord,
  { logId, part }: ResponseKey,
) {
  if (part > 0) return undefined
  const page = await sessions.messagePage(session.id, { limit: 1, before: logId })
  return page?.messages.at(-1)
}

function agentIn(answer: StoredAnswer | undefined): string | undefined {
  for (const event of answer?.events ?? []) {
    const agent = textField(fieldOf(event, 'messageMetadata'), 'agent')
    if (agent !== undefined) return agent
  }
  return undefined
}

function described(
  c: Context,
  {
    open,
    fold,
    waits,
    isWithdrawn,
  }: Pick<FoundResponse, 'open' | 'fold' | 'waits' | 'isWithdrawn'>,
): Response {
  const response = responseObject(open.identity, open.settings, { fold, waits })
  return jsonResponse(c, isWithdrawn ? { ...response, status: 'cancelled' } : response)
}

/** @throws LoomError `invalid-request` */
function startingAfter(c: Context): number {
  const text = c.req.query('starting_after')
  if (text === undefined) return -1
  if (/^\d{1,15}$/.test(text)) return Number(text)
  throw new LoomError('invalid-request', 'starting_after must be the number of an event.')
}
