/** The letter that a schedule keeps. */
import { LoomError } from '../ground/error.ts'
import type { Letter, LetterRequest } from '../store/letter.ts'
import type { FileUrls } from '../wire/conversation/file-address.ts'
import { LastMessage } from './last-message.ts'
import type { SessionView } from './session-view.ts'
import { userLetter } from './user-letter.ts'

/**
 * Returns the letter of a schedule. Its message is checked like a posted one.
 * @throws LoomError `invalid-request`
 */
export async function scheduledLetter(
  message: string | Readonly<Record<string, unknown>>,
  { request, fileUrls }: { request: LetterRequest; fileUrls: FileUrls },
): Promise<Letter> {
  const source =
    typeof message === 'string'
      ? { role: 'user', parts: [{ type: 'text', text: message }] }
      : message
  const last = new LastMessage({ ...source, id: 'scheduled' }, 'message')
  const content = {
    trigger: 'submit-message' as const,
    messageId: undefined,
    key: undefined,
    last,
    request,
    fileUrls,
  }
  const { context } = request
  const read = await last.read()
  // Without this check, a client could add an answer in the name of the agent.
  if (read.role !== 'user') {
    throw new LoomError(
      'invalid-request',
      'A schedule sends a user message: the role of its message must be "user".',
    )
  }
  const letter = await userLetter(read, content, newSession)
  return { ...letter, ...(context !== undefined && { context }) }
}

/** A new message needs nothing of its session. */
const newSession: SessionView = {
  isNew: true,
  history: async () => [],
  queue: async () => [],
  findLetter: async () => undefined,
  pendingMessage: undefined,
  turnLetterId: undefined,
  lastLogId: undefined,
}
