/** Accepts answers to calls that a session waits for, from any client or program: outputs and decisions. */
import { LoomError } from '../ground/error.ts'
import type { Answer, Letter, LetterRequest } from '../store/letter.ts'
import type { Author } from '../store/member.ts'
import type { SessionRecord } from '../store/session.ts'
import { answerId, waitsForAnswer } from './answer-letter.ts'
import type { PostRequest } from './mailboxes.ts'
import { noPendingCall, type Receipt } from './receipt.ts'
import type { SessionView } from './session-view.ts'

/** The sessions that get the answers. */
export interface AnswerTarget {
  viewOf: (sessionId: string, session: SessionRecord | undefined) => Promise<SessionView>
  post: (sessionId: string, letter: Letter, request: PostRequest) => Promise<Receipt>
}

export interface AnswerOptions {
  /** @defaultValue the tenant itself */
  author?: Author
  /** The settings of the rest of the turn. @defaultValue those of the agent */
  settings?: Pick<LetterRequest, 'asked' | 'approvals' | 'clientTools'>
}

/**
 * Accepts the answers as one letter.
 * @throws LoomError `refused` if the session does not wait for one of them; also as `Sessions.post`
 */
export async function acceptAnswers(
  sessions: AnswerTarget,
  session: SessionRecord,
  answers: readonly Answer[],
  { author = {}, settings = {} }: AnswerOptions = {},
): Promise<Receipt> {
  const replyId = session.turn?.logId ?? ''
  const id = answerId({ id: replyId }, answers)
  const { pendingMessage, findLetter } = await sessions.viewOf(session.id, session)
  const isNew =
    pendingMessage !== undefined &&
    answers.length > 0 &&
    answers.every((answer) => waitsForAnswer(pendingMessage, answer))
  // A client that lost the response sends the same answer again, and gets the same response.
  const known = isNew ? undefined : await findLetter(id)
  // The letter was cut or withdrawn: another client answered first, so this answer has no effect.
  if (!isNew && known?.as !== 'queued' && known?.as !== 'done') {
    throw new LoomError('refused', noPendingCall)
  }
  // The agent of the turn: the turns of a session can have different agents.
  const agent = session.turn?.agent ?? session.agent
  const { subject } = author
  const request = { ...settings, agent, ...(subject !== undefined && { subject }) }
  const letter = { id, kind: 'answer' as const, replyId, answer: answers, request }
  const to = { ...author, tenant: session.tenant, agent, whenBusy: 'queue' as const }
  return sessions.post(session.id, letter, to)
}
