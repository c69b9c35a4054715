/** A post about a message that waits: an edit, or a request for its answer. */
import { fieldOf, isFields } from '../ground/fields.ts'
import type { Letter } from '../store/letter.ts'
import type { LetterRequest } from '../store/letter.ts'
import type { QueueEdit } from '../store/mailbox.ts'

/** The fields of a post that can make it an edit. */
export interface PostedEdit {
  trigger: 'submit-message' | 'regenerate-message'
  messageId: string | undefined
  key: string | undefined
}

/**
 * Set for a letter that edits a message which is not in the history (it waits, or was withdrawn), or
 * that asks for the answer of one; undefined for every other letter.
 */
export function queueEditOf(
  { kind, message, cutAt, id }: Letter,
  { trigger, messageId, key }: PostedEdit,
): QueueEdit | undefined {
  if (kind !== 'message' || message === undefined || cutAt !== undefined) return undefined
  if (trigger !== 'regenerate-message' && message.id !== messageId) return undefined
  return key === undefined || key === id ? {} : { key }
}

/** The queued letter that brings a message into the history. */
export const letterThatWaits = (
  queued: readonly Letter[],
  messageId: unknown,
): Letter | undefined =>
  queued.find(({ message, cutAt }) => cutAt === undefined && message?.id === messageId)

/** A letter for the same place in the queue. Without a context it keeps that of the one before. */
export function inPlaceOf(
  { id, kind, replyId, digest, message, context }: Letter,
  request: LetterRequest,
  edited: Pick<Letter, 'message' | 'digest'> = {},
): Letter {
  return {
    id,
    kind,
    replyId,
    request,
    ...(context !== undefined && { context }),
    ...(digest !== undefined && { digest }),
    ...(message !== undefined && { message }),
    ...edited,
  }
}

/** `GET …/messages` marks what waits with `queued`; a page sends the mark back with the message. */
export function withoutQueued(metadata: unknown): unknown {
  if (!isFields(metadata) || fieldOf(metadata, 'queued') === undefined) return metadata
  const { queued: _, ...kept } = metadata
  return Object.keys(kept).length > 0 ? kept : undefined
}
