/** The history of a response that continues an earlier one, after which its session has gone on. */
import type { UIMessage } from 'ai'

import { LoomError } from '../../src/ground/error.ts'
import { fieldOf } from '../../src/ground/fields.ts'
import { forkSession } from '../../src/session/session-fork.ts'
import type { Sessions } from '../../src/sessions.ts'
import type { Answer } from '../../src/store/letter.ts'
import type { SessionRecord } from '../../src/store/session.ts'
import type { SessionWorld } from '../session-world.ts'
import type { PostedConversation } from './conversation-builder.ts'
import type { ResponseKey } from './response-key.ts'
import { messageThrough, partsIn, type StoredAnswer } from './stored-answer.ts'

/** A response and the session that has its answer. */
export interface Chain {
  key: ResponseKey
  session: SessionRecord
  /** Undefined if the turn of the response has not begun. */
  answer: StoredAnswer | undefined
  isOwnSession: boolean
}

export interface After {
  /** The id of the previous response. */
  previous: string
  isStored: boolean
}

export const noPrevious = (previous: string) =>
  new LoomError(
    'not-found',
    `previous_response_id: there is no response "${previous}". It was deleted or has expired, or its session belongs to another principal.`,
  )

const stillRuns = () =>
  new LoomError(
    'busy',
    'The previous response has not ended, and another message waits for its end. Send the request again later.',
    { retryable: true, retryAfterMs: 1000 },
  )

/** In the words of OpenAI. */
export const openResult = (id: string) =>
  new LoomError('invalid-request', `input: No tool output found for function call ${id}.`)

/**
 * Returns the id of a call that has no result among these. Undefined if each call has one.
 * @param calls the parts that wait
 */
export function unanswered(
  calls: readonly object[],
  results: readonly Answer[],
): string | undefined {
  const answered = new Set(
    results.map((result) => (result.type === 'approval' ? result.approvalId : result.toolCallId)),
  )
  return calls
    .map((call) => fieldOf(fieldOf(call, 'approval'), 'id') ?? fieldOf(call, 'toolCallId'))
    .find((id): id is string => typeof id === 'string' && !answered.has(id))
}

/**
 * Checks that the response can be continued.
 * @returns a function that reads the messages up to the end of the response, with the results of its calls
 * @throws LoomError `not-found`; `busy` if it has not ended
 */
export async function branchHistory(
  sessions: Sessions,
  { key, session, answer }: Chain,
  { previous, next }: { previous: string; next: PostedConversation['next'] },
): Promise<() => Promise<UIMessage[]>> {
  if (answer === undefined) {
    const letters = await sessions.queue(session.id)
    const waits = letters.some(({ replyId }) => replyId === key.logId)
    throw waits ? stillRuns() : noPrevious(previous)
  }
  if (partsIn(answer.events).ended <= key.part) throw stillRuns()
  return async () => {
    const history = await sessions.messages(session.id)
    const index = history.findIndex(({ id }) => id === key.logId)
    if (index === -1 && session.turn?.logId !== key.logId) throw noPrevious(previous)
    const message = messageThrough(answer.events, key)
    const before = index === -1 ? history : history.slice(0, index)
    return [...before, next.kind === 'results' ? withResults(message, next.results) : message]
  }
}

/**
 * Copies the session up to the response. The copy shares its messages.
 * @returns undefined if the history has no such message, or has it with later parts
 */
export async function forkOf(
  { loom: { sessions }, tenant, principal: { subject } }: SessionWorld,
  { key, session, answer }: Chain,
): Promise<SessionRecord | undefined> {
  const { ended, isOpen } = partsIn(answer?.events ?? [])
  const isUnfinished = session.turn?.logId === key.logId && session.state !== 'idle'
  if (ended !== key.part + 1 || isOpen || isUnfinished) return undefined
  const id = await forkSession(sessions, session, { messageId: key.logId, subject })
  return sessions.find(tenant, id)
}

/** @throws LoomError `invalid-request` if a result has no call, or a call no result */
function withResults(message: UIMessage, results: readonly Answer[]): UIMessage {
  const outputs = new Map<string, unknown>()
  for (const result of results) {
    if (result.type !== 'output') {
      throw new LoomError('refused', 'This request for an approval has a decision already.')
    }
    outputs.set(result.toolCallId, result.output)
  }
  const isOpen = (part: object) => fieldOf(part, 'state') === 'input-available'
  const open = message.parts.filter(isOpen)
  const missing = unanswered(open, results)
  if (missing !== undefined) throw openResult(missing)
  const ids = new Set(open.map((part) => fieldOf(part, 'toolCallId')))
  const unknown = results.find((result) => result.type === 'output' && !ids.has(result.toolCallId))
  if (unknown?.type === 'output') {
    throw new LoomError(
      'invalid-request',
      `input: No tool call found for function call output with call_id ${unknown.toolCallId}.`,
    )
  }
  return {
    ...message,
    parts: message.parts.map((part) => (isOpen(part) ? answered(part, outputs) : part)),
  }
}

type Part = UIMessage['parts'][number]

// A call with its output is a part of a UI message.
function answered(part: Part, outputs: ReadonlyMap<string, unknown>): Part
function answered(part: Part, outputs: ReadonlyMap<string, unknown>): unknown {
  const id = fieldOf(part, 'toolCallId')
  const output = typeof id === 'string' ? outputs.get(id) : undefined
  return { ...part, state: 'output-available', output }
}
