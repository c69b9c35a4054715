/**
 * What became of a posted letter, as its sender is told: where its answer is read, or why there will
 * be none. A letter that was posted before is told where it is answered, and is no fault.
 */
import { LoomError } from '../ground/error.ts'
import type { Letter } from '../store/letter.ts'
import type { Answer } from '../store/letter.ts'
import type { PostReply } from '../store/mailbox.ts'
import type { NewestPart } from './newest-part.ts'

/** Where an accepted letter's answer is read. */
export interface Answering {
  logId: string
  letterId: string
  /** The entry after which this answer begins; the whole log without it. */
  after: string | undefined
  /** Events of the first entry behind `after` that are not of this answer. */
  skip: number
  /** Answers that the letter holds to calls of a message that waits; none in other letters. */
  answers: readonly Answer[]
  /** True while the letter waits for its turn, or for the turn that it is steered to. */
  queued: boolean
  /** True for a letter that was posted before: its log may have had its time. */
  repeated: boolean
}

/** Where the part of a message begins that follows these answers. */
type LastPart = (messageId: string, answers: readonly Answer[]) => Promise<NewestPart | undefined>

/** @throws LoomError `busy`, `mailbox-full`, `not-found`, `refused`, `unavailable` */
export async function answeringOf(
  letter: Letter,
  reply: PostReply,
  lastPart: LastPart,
): Promise<Answering> {
  const { id: letterId, replyId } = letter
  const answers = answersOf(letter)
  const begins = { letterId, answers, after: undefined, skip: 0 }
  switch (reply.status) {
    case 'claimed': {
      const { logId, lastId, resumed } = reply.claim
      const after = resumed ? lastId : undefined
      return { ...begins, logId, after, queued: false, repeated: false }
    }
    case 'queued':
      return { ...begins, logId: replyId, queued: true, repeated: false }
    case 'known':
      return answeringAgain(letter, reply, lastPart)
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
      throw new LoomError('mailbox-full', 'Too many messages wait in this session.', {
        retryable: true,
        retryAfterMs: 1000,
      })
    case 'unknown':
      throw stateUnknown()
    case 'foreign':
      throw new LoomError('not-found', 'There is no such session.')
    case 'refused':
      throw new LoomError(
        'refused',
        letter.kind === 'answer' ? noLongerWaits : 'There is no such message in this session.',
      )
  }
}

/** The same letter again: the same answer. */
async function answeringAgain(
  letter: Letter,
  { as, replyId: logId }: PostReply & { status: 'known' },
  lastPart: LastPart,
): Promise<Answering> {
  if (as === 'withdrawn' || as === 'cut' || logId === '') throw withdrawn()
  const answers = answersOf(letter)
  const part = answers.length > 0 ? await lastPart(logId, answers) : undefined
  const { after, skip } = part?.place ?? { after: undefined, skip: 0 }
  const again = { letterId: letter.id, answers, queued: as === 'queued', repeated: true }
  return { ...again, logId, after, skip }
}

const answersOf = ({ kind, answer }: Letter): readonly Answer[] =>
  kind === 'answer' ? (answer ?? []) : []

/** The reason that a client gets for an answer to a call that was answered, stopped or left behind. */
export const noLongerWaits =
  'This session does not wait for that answer (any more). Load the messages again to see what became of the call.'

/** A server of the version that stored it may be among the others: the request may go there. */
export const stateUnknown = () =>
  new LoomError(
    'unavailable',
    'The stored state of this session is not known to this version of Loom: update this server, or delete the session from the store.',
  )

export const withdrawn = () =>
  new LoomError(
    'refused',
    'This message was withdrawn or cut from the conversation. Send it under a new id, or put its id into messageId if it was withdrawn.',
  )
