/** One answer to what a session waits for, from any client: a tool's output, or a decision. */
import { LoomError } from '../ground/error.ts'
import type { Sessions } from '../sessions.ts'
import type { Answer } from '../store/letter.ts'
import type { SessionRecord } from '../store/session.ts'
import { type Answering, noLongerWaits } from './answering.ts'
import { answerId, isAwaited } from './posted.ts'

/** @throws LoomError `refused` where nothing waits for the answer; as `Sessions.post` */
export async function acceptAnswer(
  sessions: Sessions,
  session: SessionRecord,
  answer: Answer,
): Promise<Answering> {
  const replyId = session.turn?.logId ?? ''
  const id = answerId({ id: replyId }, [answer])
  const held = await sessions.held(session.id, session)
  const isNew = held.waiting !== undefined && isAwaited(held.waiting, answer)
  // An answer that comes again, since its response was lost, gets the same response.
  if (!isNew && (await held.findLetter(id)) === undefined) {
    throw new LoomError('refused', noLongerWaits)
  }
  // The agent that asked: a session may have turns of several.
  const agent = session.turn?.agent ?? session.agent
  const letter = { id, kind: 'answer' as const, replyId, answer: [answer], request: { agent } }
  return sessions.post(session.id, letter, { tenant: session.tenant, agent, whenBusy: 'queue' })
}
