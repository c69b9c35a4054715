/** Posts answers to the calls that a session waits for, and notes the decisions. */
import { acceptAnswers } from '../session/accept-answer.ts'
import type { Receipt } from '../session/receipt.ts'
import { authorOf } from '../session/session-role.ts'
import type { Answer } from '../store/letter.ts'
import type { SessionRecord } from '../store/session.ts'
import type { McpHost } from './host.ts'

/** @throws LoomError as `acceptAnswers` */
export async function postAnswers(
  { loom, principal, audit }: McpHost,
  session: SessionRecord,
  answers: readonly Answer[],
): Promise<Receipt> {
  const author = authorOf(principal, session.id, session)
  const receipt = await acceptAnswers(loom.sessions, session, answers, { author })
  for (const answer of answers) {
    if (answer.type !== 'approval') continue
    const { approved, approvalId } = answer
    await audit({ action: approved ? 'approve' : 'deny', sessionId: session.id, approvalId })
  }
  return receipt
}
