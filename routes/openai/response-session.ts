/**
 * The session of a response. A request that names none begins one. `previous_response_id` continues the session of that
 * response. If the session has gone on since, the request gets a copy that ends with that response.
 */
import { randomUUID } from 'node:crypto'

import type { Context } from 'hono'

import { LoomError } from '../../src/ground/error.ts'
import { acceptAnswers } from '../../src/session/accept-answer.ts'
import { acceptPost } from '../../src/session/accept-post.ts'
import { contentDigest } from '../../src/session/content-digest.ts'
import { pendingParts } from '../../src/session/pending-parts.ts'
import { authorOf } from '../../src/session/session-role.ts'
import { publicId } from '../../src/session/tenant-ids.ts'
import type { AnswerReceipt } from '../../src/session/whole-answer.ts'
import type { Sessions } from '../../src/sessions.ts'
import { compareIds } from '../../src/store/log.ts'
import type { SessionRecord } from '../../src/store/session.ts'
import { findSession, type SessionWorld } from '../session-world.ts'
import {
  acceptInNamed,
  acceptInNew,
  type AcceptedAnswer,
  type AnswerPost,
  contentOf,
  isRepeat,
  joined,
  withMetadata,
} from './answer-session.ts'
import {
  type After,
  branchHistory,
  type Chain,
  forkOf,
  noPrevious,
  openResult,
  unanswered,
} from './response-branch.ts'
import { readResponseId } from './response-key.ts'
import { partsIn, storedAnswer } from './stored-answer.ts'

export interface ResponsePlace {
  /** The id of the session that the request names. Undefined if it names none. */
  named: string | undefined
  previous: string | undefined
  isStored: boolean
}

export interface AcceptedResponse extends AcceptedAnswer {
  /** The number of the part of the message; see `ResponseFold`. */
  part: number
  /** The number of messages that the request added to the history. */
  inputs: number
  isOwnSession: boolean
}

/** @throws LoomError `not-found` for an unknown previous response; also as `acceptInNamed` */
export async function acceptResponse(
  c: Context,
  world: SessionWorld,
  post: AnswerPost,
  { named, previous, isStored }: ResponsePlace,
): Promise<AcceptedResponse> {
  const { next, history } = post.conversation
  if (previous !== undefined) return acceptAfter(c, world, post, { previous, isStored })
  if (named === undefined) {
    const accepted = await acceptInNew(world, post, { isTemporary: !isStored })
    const inputs = history.length + (next.kind === 'message' ? next.messages.length : 0)
    return { ...accepted, part: 0, inputs, isOwnSession: true }
  }
  refuseMixed(post)
  const session = await findSession(world, named, 'writer')
  const part = next.kind === 'results' ? await endedParts(world.loom.sessions, session) : 0
  const accepted = await acceptInNamed(c, world, { ...post, id: named })
  return withPart(world.loom.sessions, accepted, { part, isOwnSession: false })
}

/** The results of calls continue a message, and a message of the user begins another one. */
function refuseMixed({ conversation: { next } }: AnswerPost): void {
  if (next.kind === 'results' || next.results.length === 0) return
  throw new LoomError(
    'invalid-request',
    'input must have either the results of calls or a new message at its end. Send the results first, and the message after the answer.',
  )
}

async function endedParts(sessions: Sessions, session: SessionRecord | undefined): Promise<number> {
  if (session?.turn === undefined) return 0
  const entries = await sessions.readers.entries(session.id, session.turn.logId)
  return partsIn(entries.flatMap(({ events }) => events)).ended
}

/** @param part the number of parts that had ended before the request */
async function withPart(
  sessions: Sessions,
  accepted: AcceptedAnswer,
  { part, isOwnSession }: { part: number; isOwnSession: boolean },
): Promise<AcceptedResponse> {
  const { receipt, sessionId } = accepted
  const isRepeatOfResults = receipt.repeated && receipt.answers.length > 0
  return {
    ...accepted,
    part: isRepeatOfResults ? await partAt(sessions, sessionId, receipt) : part,
    inputs: receipt.answers.length > 0 ? 0 : 1,
    isOwnSession,
  }
}

/** The number of the part that begins at a place of a log. */
async function partAt(
  sessions: Sessions,
  sessionId: string,
  { logId, after, skip }: AnswerReceipt,
): Promise<number> {
  if (after === undefined) return 0
  const entries = await sessions.readers.entries(sessionId, logId)
  const earlier = entries.filter(({ id }) => compareIds(id, after) <= 0)
  const [next] = entries.slice(earlier.length)
  const events = [
    ...earlier.flatMap((entry) => entry.events),
    ...(next?.events ?? []).slice(0, skip),
  ]
  return partsIn(events).ended
}

async function acceptAfter(
  c: Context,
  world: SessionWorld,
  post: AnswerPost,
  { previous, isStored }: After,
): Promise<AcceptedResponse> {
  refuseMixed(post)
  const key = readResponseId(previous)
  const session = key && (await findSession(world, key.session, 'writer'))
  if (key === undefined || session === undefined) throw noPrevious(previous)
  const { sessions } = world.loom
  const answer = await storedAnswer(sessions, session, key.logId)
  const at: Chain = { key, session, answer, isOwnSession: key.isOwnSession }
  const { next } = post.conversation
  const id = next.kind === 'message' ? await messageIdAfter(previous, post) : undefined
  const isSent = id !== undefined && (await isKnown(sessions, session, id))
  const isSentAgain = isRepeat(c) && (isSent || next.kind === 'results')
  const whenBusy = isSentAgain ? 'queue' : isSent ? undefined : await latestIn(sessions, at)
  if (isStored && whenBusy !== undefined) {
    try {
      return await acceptInChain(world, post, at, { id, whenBusy })
    } catch (error) {
      if (!hasMoved(error, { isSentAgain, whenBusy })) throw error
    }
  }
  return branch(world, post, at, { previous, isStored })
}

/** Whether another request has continued the same response meanwhile. */
const hasMoved = (
  error: unknown,
  { isSentAgain, whenBusy }: { isSentAgain: boolean; whenBusy: 'queue' | 'reject' },
): boolean =>
  error instanceof LoomError &&
  (isSentAgain ? error.code === 'refused' : error.code === 'busy' && whenBusy === 'reject')

/** The same message after the same response has the same id, so that a repeated request gets the same answer. */
async function messageIdAfter(
  previous: string,
  { conversation: { next } }: AnswerPost,
): Promise<string> {
  const messages = next.kind === 'message' ? next.messages : []
  return `message-${await contentDigest([previous, messages.map(({ parts }) => parts)])}`
}

async function isKnown(
  sessions: Sessions,
  session: SessionRecord,
  letterId: string,
): Promise<boolean> {
  const { findLetter } = await sessions.viewOf(session.id, session)
  return (await findLetter(letterId)) !== undefined
}

/**
 * Whether the response is the newest of its session, so that the session itself goes on. Returns the effect of a turn
 * that runs: that of the response itself may run. Undefined for an earlier response.
 */
async function latestIn(
  sessions: Sessions,
  { key, session, answer }: Chain,
): Promise<'queue' | 'reject' | undefined> {
  const queue = session.queued === 0 ? [] : await sessions.queue(session.id)
  const last = queue.at(-1)
  if (last !== undefined) return last.replyId === key.logId ? 'queue' : undefined
  if (session.turn?.logId !== key.logId || answer === undefined) return undefined
  const { ended, isOpen } = partsIn(answer.events)
  if (ended === key.part) return 'queue'
  return ended === key.part + 1 && !isOpen ? 'reject' : undefined
}

/** Posts to the session of the previous response. */
async function acceptInChain(
  world: SessionWorld,
  post: AnswerPost,
  { key, session, isOwnSession }: Chain,
  { id, whenBusy }: { id: string | undefined; whenBusy: 'queue' | 'reject' },
): Promise<AcceptedResponse> {
  const { loom, principal } = world
  const { next } = post.conversation
  const { agent, request, metadata } = post
  const author = authorOf(principal, session.id, session)
  if (next.kind === 'results') {
    if (session.turn?.logId === key.logId) {
      const { pendingMessage } = await loom.sessions.viewOf(session.id, session)
      const open = pendingMessage && unanswered(pendingParts(pendingMessage), next.results)
      if (open !== undefined) throw openResult(open)
    }
    const { asked, approvals = true, clientTools = true } = request
    const settings = { ...(asked !== undefined && { asked }), approvals, clientTools }
    const receipt = await acceptAnswers(loom.sessions, session, next.results, { author, settings })
    const accepted = { sessionId: session.id, receipt, isTemporary: false }
    return withPart(loom.sessions, accepted, { part: key.part + 1, isOwnSession })
  }
  const message = withMetadata({ ...joined(next.messages), id: id ?? '' }, metadata)
  const accepted = await acceptPost(loom, {
    tenant: world.tenant,
    author,
    id: publicId(world.tenant, session.id),
    isNamed: true,
    session,
    agent,
    content: contentOf(world, { message, request }),
    whenBusy,
    continues: true,
    isAnswered: false,
    seed: undefined,
  })
  const done = { ...accepted, isTemporary: false }
  return withPart(loom.sessions, done, { part: 0, isOwnSession })
}

/** Continues an earlier response in a session of its own. */
async function branch(
  world: SessionWorld,
  post: AnswerPost,
  at: Chain,
  { previous, isStored }: After,
): Promise<AcceptedResponse> {
  // The copy would be a session that this principal may not use.
  if (world.principal.session !== undefined) {
    throw new LoomError('forbidden', 'This token is for one session only.')
  }
  const { next } = post.conversation
  const history = await branchHistory(world.loom.sessions, at, { previous, next })
  const copy = isStored && next.kind === 'message' ? await forkOf(world, at) : undefined
  if (copy !== undefined) {
    const chain = { ...at, session: copy, isOwnSession: true }
    return acceptInChain(world, post, chain, { id: randomUUID(), whenBusy: 'queue' })
  }
  const conversation = { ...post.conversation, history: await history() }
  const accepted = await acceptInNew(world, { ...post, conversation }, { isTemporary: !isStored })
  const inputs = next.kind === 'message' ? next.messages.length : 0
  return { ...accepted, part: 0, inputs, isOwnSession: true }
}
