/** The session of a call: a new one, or the one that the call continues, answers or only reads. */
import { randomUUID } from 'node:crypto'

import type { UIMessage } from 'ai'

import type { Agent } from '../agent.ts'
import { LoomError } from '../ground/error.ts'
import { acceptPost } from '../session/accept-post.ts'
import { openCall } from '../session/awaited-calls.ts'
import { digest } from '../session/content-digest.ts'
import { LastMessage } from '../session/last-message.ts'
import { pendingParts } from '../session/pending-parts.ts'
import { noPendingCall } from '../session/receipt.ts'
import { authorOf } from '../session/session-role.ts'
import { publicId, storedId } from '../session/tenant-ids.ts'
import type { AnswerReceipt } from '../session/whole-answer.ts'
import { withServerPart } from '../store/context.ts'
import type { Answer } from '../store/letter.ts'
import type { SessionRecord } from '../store/session.ts'
import type { CallArguments } from './call-arguments.ts'
import type { McpHost } from './host.ts'
import { postAnswers } from './posted-answers.ts'
import { argumentAnswer } from './questions.ts'

export interface AcceptedCall {
  /** The id by which the client names the session. */
  session: string
  /** The id of the session in the store. */
  sessionId: string
  receipt: AnswerReceipt
  /** Whether the call posted something. The cancellation of a call that only reads stops no turn. */
  isPosted: boolean
}

export interface CallRequest {
  agent: Agent
  arguments: CallArguments
  /** Identifies the request, if its client counts its requests. Undefined if it does not. */
  requestKey: string | undefined
}

/** The session of a request without the name of one. */
export const newSessionId = (key: string): string => `mcp-${key}`

/**
 * @throws LoomError `not-found` for a session that the principal does not have; `invalid-request`; also as `acceptPost`
 * and `acceptAnswers`
 */
export async function acceptCall(host: McpHost, request: CallRequest): Promise<AcceptedCall> {
  const { message, files, session: named, answers } = request.arguments
  const hasMessage = message !== undefined || files !== undefined
  if (answers !== undefined) {
    if (hasMessage) throw invalid('Send a message or answers, and not both.')
    return acceptGiven(host, await sessionNamed(host, named, 'answers'), answers)
  }
  if (hasMessage) return acceptMessage(host, request)
  return currentAnswer(await sessionNamed(host, named, 'no message', 'reader'))
}

async function sessionNamed(
  host: McpHost,
  id: string | undefined,
  what: string,
  role: 'reader' | 'writer' = 'writer',
): Promise<SessionRecord> {
  if (id === undefined) {
    throw invalid(
      what === 'answers'
        ? 'answers need the session that waits for them: set session.'
        : 'The message is missing: set message. To get the answer of a session, set session.',
    )
  }
  const session = await host.findSession(id, role)
  if (session === undefined) throw unknownSession()
  return session
}

async function acceptMessage(
  host: McpHost,
  { agent, arguments: given, requestKey }: CallRequest,
): Promise<AcceptedCall> {
  const { loom, principal } = host
  const { tenant, subject } = principal
  const { session: named, messageId, message, files = [], context } = given
  const key =
    messageId === undefined ? requestKey : digest([subject ?? null, agent.name, messageId])
  const id = named ?? principal.session ?? newSessionId(key ?? randomUUID())
  const session = await host.findSession(id, 'writer')
  if (session === undefined && named !== undefined && named !== principal.session) {
    throw unknownSession()
  }
  const userMessage: UIMessage = {
    id: messageId ?? key ?? randomUUID(),
    role: 'user',
    parts: [
      ...(message === undefined ? [] : [{ type: 'text' as const, text: message }]),
      ...files.map(({ url, mediaType, filename }) => ({
        type: 'file' as const,
        url,
        mediaType,
        ...(filename !== undefined && { filename }),
      })),
    ],
  }
  const server = await host.serverContext?.()
  const whole = server === undefined ? context : withServerPart(context, server)
  const accepted = await acceptPost(loom, {
    tenant,
    author: authorOf(principal, session?.id ?? storedId(tenant, id), session),
    id,
    isNamed: session !== undefined,
    session,
    agent,
    content: {
      trigger: 'submit-message',
      messageId: undefined,
      key: undefined,
      last: new LastMessage(userMessage, 'message'),
      fileUrls: loom.fileUrls,
      request: {
        agent: agent.name,
        ...(subject !== undefined && { subject }),
        ...(whole !== undefined && { context: whole }),
      },
    },
    continues: false,
    isAnswered: false,
    seed: undefined,
  })
  return { ...accepted, session: id, isPosted: true }
}

/** Accepts the answers that the model of the client wrote. */
async function acceptGiven(
  host: McpHost,
  session: SessionRecord,
  given: Record<string, unknown>,
): Promise<AcceptedCall> {
  const { sessions } = host.loom
  const { id, turn } = session
  const isWaiting = session.state === 'waiting' && turn !== undefined
  const open = isWaiting
    ? pendingParts(await sessions.partialAnswer(id, turn.logId)).map(openCall)
    : []
  const answers = Object.entries(given).map(([key, value]): Answer => {
    const call = open.find((each) => (each.approvalId ?? each.toolCallId) === key)
    if (call === undefined) throw new LoomError('refused', `answers.${key}: ${noPendingCall}`)
    return argumentAnswer(call, value)
  })
  if (answers.length === 0) throw invalid('answers is empty: give the answers by their ids.')
  const receipt = await postAnswers(host, session, answers)
  return { session: nameOf(session), sessionId: id, receipt, isPosted: true }
}

/** The answer that the session makes now, or its last one. */
function currentAnswer(session: SessionRecord): AcceptedCall {
  const { id, turn } = session
  if (turn === undefined) throw new LoomError('refused', 'This session has no answer yet.')
  const receipt = {
    logId: turn.logId,
    letterId: undefined,
    after: undefined,
    skip: 0,
    answers: [],
    queued: false,
    repeated: true,
  }
  return { session: nameOf(session), sessionId: id, receipt, isPosted: false }
}

export const nameOf = ({ tenant, id }: SessionRecord): string => publicId(tenant, id)

const invalid = (text: string) => new LoomError('invalid-request', text)

const unknownSession = () =>
  new LoomError(
    'not-found',
    'There is no such session. Leave session out to begin a new conversation.',
  )
