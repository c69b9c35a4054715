/**
 * What became of a posted letter, as its sender is told: where its answer is read, or why there will
 * be none. A letter that was posted before is told where it is answered, and is no fault.
 */
import { LoomError } from '../error.ts'
import type { Letter, PostReply } from '../store/mailbox.ts'
import { isAnswer } from './answer-events.ts'
import type { Answer } from './letter-request.ts'
import type { Place } from './place.ts'

/** Where an accepted letter's answer is read. */
export interface Answering {
  logId: string
  letterId: string
  /** The entry after which this answer begins; the whole log without it. */
  after: string | undefined
  /** True while the letter waits for its turn, or for the turn that it is steered to. */
  queued: boolean
  /** True for a letter that was posted before: its log may have had its time. */
  repeated: boolean
}

/** Where the newest part of a message begins that is gone on with by these answers. */
type LastPart = (messageId: string, answers: readonly Answer[]) => Promise<Place | undefined>

/** @throws LoomError `busy`, `mailbox-full`, `not-found`, `refused` */
export async function answeringOf(
  letter: Letter,
  reply: PostReply,
  lastPart: LastPart,
): Promise<Answering> {
  const { id: letterId, replyId } = letter
  switch (reply.status) {
    case 'claimed': {
      const { logId, lastId, resumed } = reply.claim
      const after = resumed ? lastId : undefined
      return { logId, letterId, after, queued: false, repeated: false }
    }
    case 'queued':
      return { logId: replyId, letterId, after: undefined, queued: true, repeated: false }
    case 'known':
      return answeringAgain(letter, reply, lastPart)
    case 'busy':
      throw new LoomError('busy', 'The session is busy with another message.')
    case 'full':
      throw new LoomError('mailbox-full', 'Too many messages wait in this session.', {
        retryable: true,
        retryAfterMs: 1000,
      })
    case 'foreign':
      throw new LoomError('not-found', 'There is no such session.')
    case 'refused':
      throw new LoomError(
        'refused',
        letter.kind === 'answer'
          ? 'Nothing in this session waits for that.'
          : 'There is no such message in this session.',
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
  const answers = Array.isArray(letter.answer) ? letter.answer.filter(isAnswer) : []
  const after = letter.kind === 'answer' ? (await lastPart(logId, answers))?.after : undefined
  return { logId, letterId: letter.id, after, queued: as === 'queued', repeated: true }
}

export const withdrawn = () =>
  new LoomError('refused', 'This message was withdrawn or cut from the conversation.')
