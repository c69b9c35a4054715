/** The stop of one message, in the queue or in its turn. */
import type { MailboxStore } from '../store/mailbox.ts'
import type { SessionReader } from '../store/session.ts'

/** The outcome of a stop of one message. */
export interface MessageStop {
  /** Whether a running turn received the stop. */
  stopped: boolean
  /** Whether the message was in the queue and was withdrawn. */
  withdrawn: boolean
}

/**
 * Withdraws the message if it is in the queue, otherwise stops its turn if that runs. The queue comes
 * first: a letter leaves it only for a turn, so a message in neither place has an answer or does not exist.
 * @param of `messageId` is the id of the user message, of its letter, or of the answer
 */
export async function stopMessage(
  store: MailboxStore & SessionReader,
  of: { sessionId: string; tenant: string; messageId: string },
  stopTurn: (logId: string) => Promise<boolean>,
): Promise<MessageStop> {
  const { sessionId, tenant, messageId } = of
  const letters = await store.mailbox(sessionId)
  const letter = letters.find(({ id, message }) => id === messageId || message?.id === messageId)
  if (letter !== undefined) {
    const options = { tenant }
    const withdrawn = await store.withdraw(sessionId, letter.id, options)
    if (withdrawn) return { stopped: false, withdrawn }
  }
  const turn = (await store.session(sessionId))?.turn
  if (turn === undefined) return { stopped: false, withdrawn: false }
  const { letterId, logId } = turn
  // The letter of an edit has another id than its message, which the history then ends with.
  const isNamed = async () => (await store.messages(sessionId)).at(-1)?.id === messageId
  const isTurns = letterId === messageId || logId === messageId || (await isNamed())
  return { stopped: isTurns && (await stopTurn(logId)), withdrawn: false }
}
