/** A post that names a message in the queue: an edit, or a request for its answer. */
import { fieldOf, isFields } from '../ground/fields.ts'
import { contextAfter } from '../store/context.ts'
import type { Letter, LetterRequest } from '../store/letter.ts'
import type { QueueEdit } from '../store/mailbox.ts'
import type { PostContent } from './post-content.ts'

/**
 * Returns the edit of a letter that changes a message which is not in the history (queued or withdrawn),
 * or that asks for the answer of such a message. Returns undefined for every other letter.
 */
export function queueEditOf(
  { kind, message, cutAt, id }: Letter,
  { trigger, messageId, key }: Pick<PostContent, 'trigger' | 'messageId' | 'key'>,
): QueueEdit | undefined {
  if (kind !== 'message' || message === undefined || cutAt !== undefined) return undefined
  if (trigger !== 'regenerate-message' && message.id !== messageId) return undefined
  return key === undefined || key === id ? {} : { key }
}

/** Returns the queued letter that will add a message to the history. */
export const letterInQueue = (queued: readonly Letter[], messageId: unknown): Letter | undefined =>
  queued.find(({ message, cutAt }) => cutAt === undefined && message?.id === messageId)

/** Returns a letter for the same place in the queue. A request without a context keeps the earlier one. */
export function inPlaceOf(
  { id, kind, replyId, digest, message, context: earlier }: Letter,
  request: LetterRequest,
  edit: Pick<Letter, 'message' | 'digest'> = {},
): Letter {
  const context = contextAfter(request.context, earlier)
  return {
    id,
    kind,
    replyId,
    request,
    ...(context !== undefined && { context }),
    ...(digest !== undefined && { digest }),
    ...(message !== undefined && { message }),
    ...edit,
  }
}

/** Removes the mark `queued`, which `GET …/messages` sets on queued messages and pages send back. */
export function withoutQueued(metadata: unknown): unknown {
  if (!isFields(metadata) || fieldOf(metadata, 'queued') === undefined) return metadata
  const { queued: _, ...rest } = metadata
  return Object.keys(rest).length > 0 ? rest : undefined
}
