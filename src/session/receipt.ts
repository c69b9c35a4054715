/**
 * The result of a post for its sender: the place of the answer, or the reason why there will be none.
 * A letter that is posted a second time gets the place of its answer again. That is not an error.
 */
import { LoomError } from '../ground/error.ts'
import type { Answer, Letter } from '../store/letter.ts'
import type { PostReply } from '../store/mailbox.ts'
import type { NewestPart } from './newest-part.ts'

/** The place of the answer to an accepted letter. */
export interface Receipt {
  /** The id of the log that answers the letter, and of the assistant message. */
  logId: string
  /** The id of the accepted letter. */
  letterId: string
  /** The entry after which this answer begins. Undefined: the answer is the whole log. */
  after: string | undefined
  /** The number of events of the first entry after `after` that do not belong to this answer. */
  skip: number
  /** The answers in the letter to calls of a message that waits. Other letters have none. */
  answers: readonly Answer[]
  /** True while the letter waits for its turn, or for the turn that it steers. */
  queued: boolean
  /** True for a letter that was posted before. Its log may have expired. */
  repeated: boolean
}

/** Finds the part of a message that follows these answers. */
type FindPart = (messageId: string, answers: readonly Answer[]) => Promise<NewestPart | undefined>

/** @throws LoomError `busy`, `mailbox-full`, `not-found`, `refused`, `unavailable` */
export async function receiptOf(
  letter: Letter,
  reply: PostReply,
  findPart: FindPart,
): Promise<Receipt> {
  const { id: letterId, replyId } = letter
  const answers = answersOf(letter)
  const start = { letterId, answers, after: undefined, skip: 0 }
  switch (reply.status) {
    case 'claimed': {
      const { logId, lastId, resumed } = reply.claim
      const after = resumed ? lastId : undefined
      return { ...start, logId, after, queued: false, repeated: false }
    }
    case 'queued':
      return { ...start, logId: replyId, queued: true, repeated: false }
    case 'known':
      return receiptOfRepeat(letter, reply, findPart)
    case 'taken':
      throw new LoomError(
        'refused',
        'This id (of the message, or of the Idempotency-Key header) was used for other content in this session. Send the message under a new id, or put its id into messageId to edit it.',
      )
    case 'moved':
      throw new LoomError('busy', 'This message began its turn just now. Send the edit again.', {
        retryable: true,
        retryAfterMs: 1000,
      })
    case 'busy':
      throw new LoomError('busy', 'The session is busy with another message.')
    case 'full':
      throw new LoomError(
        'mailbox-full',
        'The messages that wait in this session are too many or too large.',
        {
          retryable: true,
          retryAfterMs: 1000,
        },
      )
    case 'unknown':
      throw unknownState()
    case 'foreign':
    case 'gone':
      throw noSession()
    case 'refused':
      throw letter.kind === 'answer' ? new LoomError('refused', noPendingCall) : noMessage()
  }
}

/** The receipt of a letter that was posted before: the place of the same answer. */
async function receiptOfRepeat(
  letter: Letter,
  { as, replyId: logId }: PostReply & { status: 'known' },
  findPart: FindPart,
): Promise<Receipt> {
  if (as === 'withdrawn' || as === 'cut' || logId === '') throw letterWithdrawn()
  const answers = answersOf(letter)
  const part = answers.length > 0 ? await findPart(logId, answers) : undefined
  const { after, skip } = part?.place ?? { after: undefined, skip: 0 }
  const again = { letterId: letter.id, answers, queued: as === 'queued', repeated: true }
  return { ...again, logId, after, skip }
}

const answersOf = ({ kind, answer }: Letter): readonly Answer[] =>
  kind === 'answer' ? (answer ?? []) : []

/** The error text for an answer to a call that has an outcome already: from another answer, a stop or a new message. */
export const noPendingCall =
  'This session does not wait for that answer (any more). Load the messages again to see what became of the call.'

/** `unavailable`, because another server may have the version that stored the state. */
export const unknownState = () =>
  new LoomError(
    'unavailable',
    'The stored state of this session is not known to this version of Loom: update this server, or delete the session from the store.',
  )

export const notQueued = () =>
  new LoomError('not-found', 'No such message waits in the queue of this session.')

export const noSession = () => new LoomError('not-found', 'There is no such session.')

/** The refusal of an edit or a regeneration whose `messageId` names no message. */
export const noMessage = () =>
  new LoomError(
    'refused',
    'There is no such message in this session: messageId must name one of its messages. Load the messages again. Send a new message without messageId.',
  )

export const letterWithdrawn = () =>
  new LoomError(
    'refused',
    'This message was withdrawn or cut from the conversation. Send it under a new id, or put its id into messageId if it was withdrawn.',
  )
