/** The letters of a schedule: the one that it keeps, and that of each occurrence. */
import { randomUUID } from 'node:crypto'

import type { UIMessage } from 'ai'

import { isFields } from '../ground/fields.ts'
import type { Letter, LetterRequest } from '../store/letter.ts'
import type { Schedule } from '../store/schedule.ts'
import type { FileUrls } from '../wire/conversation/file-address.ts'
import { LastMessage } from './last-message.ts'
import type { SessionView } from './session-view.ts'
import { userLetter } from './user-letter.ts'

/** From this lateness on, the message itself says that it is late, in milliseconds. */
const noticeableMs = 60_000

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
  const letter = await userLetter(await last.read(), content, newSession)
  return { ...letter, ...(context !== undefined && { context }) }
}

/** A new message needs nothing of its session. */
const newSession: SessionView = {
  history: async () => [],
  queue: async () => [],
  findLetter: async () => undefined,
  pendingMessage: undefined,
  turnLetterId: undefined,
  lastLogId: undefined,
}

/** The delivery of an occurrence. The metadata of its message has it as `schedule`. */
export interface Delivery {
  /** The time of the store now, in milliseconds. */
  now: number
  /** The number of occurrences since then that were missed. */
  missed: number
}

/** Returns the letter of the next occurrence. The same occurrence always has the same id. */
export function occurrenceLetter(
  { id, occurrence, dueAt, letter }: Schedule,
  { now, missed }: Delivery,
): Letter {
  const messageId = `${id}:${occurrence}`
  const lateMs = Math.max(now - dueAt, 0)
  const due = new Date(dueAt).toISOString()
  const { message } = letter
  return {
    ...letter,
    id: messageId,
    replyId: randomUUID(),
    ...(message !== undefined && {
      message: {
        ...message,
        id: messageId,
        metadata: {
          ...(isFields(message.metadata) && message.metadata),
          schedule: { id, occurrence, dueAt: due, lateMs, ...(missed > 0 && { missed }) },
        },
        parts: [...lateNotice({ due, lateMs, missed }), ...message.parts],
      },
    }),
  }
}

/** A text for the model and the reader. */
function lateNotice(late: { due: string; lateMs: number; missed: number }): UIMessage['parts'] {
  const { due, lateMs, missed } = late
  if (lateMs < noticeableMs && missed === 0) return []
  const others =
    missed === 0 ? '' : ` It stands for ${missed} later occurrences too, which were missed.`
  const text = `(This message was due at ${due}, and is ${Math.round(lateMs / 1000)} seconds late.${others})`
  return [{ type: 'text', text }]
}
