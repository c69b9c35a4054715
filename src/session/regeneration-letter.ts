/** Letters that ask for the answer of a message again. */
import type { UIMessage } from 'ai'

import { LoomError } from '../ground/error.ts'
import { newMessageId } from '../ground/message-id.ts'
import type { Letter, LetterRequest } from '../store/letter.ts'
import { digest } from './content-digest.ts'
import type { PostContent } from './post-content.ts'
import { inPlaceOf, letterInQueue } from './queue-edit.ts'
import type { SessionView } from './session-view.ts'
import { userLetter } from './user-letter.ts'

/**
 * Returns undefined if a turn answers the message already.
 * @throws LoomError `invalid-request` for a message without an id
 */
export async function regenerationLetter(
  content: PostContent,
  view: SessionView,
): Promise<Letter | undefined> {
  const { messageId, last, key, request } = content
  const from = messageId ?? last.id
  const letter = letterInQueue(await view.queue(), from)
  const history = await view.history()
  const index = history.findIndex(({ id }) => id === from)
  const message = history[index]
  // The history does not contain the message that waits. That one answers the last message of the history.
  const answerTo = (at: number) =>
    at === history.length - 1 ? view.pendingMessage : history[at + 1]
  // A message in the queue has no answer yet, so the post asks for its first answer.
  if (message === undefined && letter !== undefined) return inPlaceOf(letter, request)
  // A client withdrew the message, and another one asks for its answer now: it is a new message.
  if (message === undefined && typeof from === 'string' && from === last.id) {
    const isWithdrawn = async () => (await view.findLetter(from))?.as === 'withdrawn'
    if (last.role === 'user' && (await isWithdrawn())) {
      return userLetter(await last.read(), content, view)
    }
  }
  const target = message?.role === 'user' ? answerTo(index) : message
  if (target === undefined && message !== undefined) {
    // If a turn runs, it answers this message.
    return view.turnLetterId === undefined ? missingAnswer(message, request, view) : undefined
  }
  if (typeof from !== 'string') {
    throw new LoomError(
      'invalid-request',
      'There is no such message to regenerate. Load the messages, and name one of them.',
    )
  }
  // A missing message may have been cut by this same request, whose response was lost. The store decides.
  const cutAt = target?.id ?? from
  const id = key ?? `regenerate:${cutAt}`
  return { id, kind: 'message', replyId: newMessageId(), cutAt, request }
}

/**
 * For a history that ends with a user message and that no turn answers: a fork at that message, or a
 * turn that was lost with its log. The id names the content and not the request, so that two clients
 * that ask at the same time get one answer.
 */
const missingAnswer = (
  { id }: UIMessage,
  request: LetterRequest,
  { lastLogId = '' }: SessionView,
): Letter => ({
  id: `answer-again:${digest([id, lastLogId])}`,
  kind: 'message',
  replyId: newMessageId(),
  request,
})

/**
 * Whether a letter asks for the answer to the last message of the history. It must not wait in the
 * queue until the history ends with another message.
 */
export const needsIdleSession = ({ kind, message, cutAt }: Letter): boolean =>
  kind === 'message' && message === undefined && cutAt === undefined
