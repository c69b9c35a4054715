/** The letter of an occurrence of a schedule. */
import type { UIMessage } from 'ai'

import { isFields } from '../ground/fields.ts'
import { newMessageId } from '../ground/message-id.ts'
import type { Letter } from '../store/letter.ts'
import type { Schedule } from '../store/schedule.ts'

/** From this lateness on, the message itself says that it is late, in milliseconds. */
const noticeableMs = 60_000

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
    replyId: newMessageId(),
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
