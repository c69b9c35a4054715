/**
 * What a posted conversation means for a session. The server owns the history: only the last posted
 * message can be new, and of an assistant message only answers count that this session asked for.
 * Everything else that was posted is ignored.
 */
import { createHash, randomUUID, webcrypto } from 'node:crypto'

import type { UIMessage } from 'ai'

import { LoomError } from '../ground/error.ts'
import { sizeOf, WorkSteps } from '../ground/long-work.ts'
import type { FoldedMessage } from '../message-fold.ts'
import type { Letter } from '../store/letter.ts'
import type { Answer, LetterRequest } from '../store/letter.ts'
import type { LetterPlace } from '../store/mailbox.ts'
import { checkAnswerable } from '../wire/conversation.ts'
import type { FileUrls } from '../wire/conversation/file-address.ts'
import { OmittedValue } from '../wire/conversation/omitted-value.ts'
import { checkFiles } from '../wire/conversation/posted-files.ts'
import type { LastMessage } from './last-message.ts'
import { inPlaceOf, letterThatWaits, withoutQueued } from './queue-edit.ts'
import { waitsForApproval, waitsForOutput } from './waiting.ts'

export interface Posting {
  /** The last posted message: the only one that can be new. */
  last: LastMessage
  trigger: 'submit-message' | 'regenerate-message'
  /** The message that is edited, regenerated or gone on with. */
  messageId: string | undefined
  /** Of the `Idempotency-Key` header: for what has no id of its own by which it is known again. */
  key: string | undefined
  request: LetterRequest
  /** The addresses that a file may have besides a `data:` URL. @defaultValue 'public' */
  fileUrls?: FileUrls
}

/** What the session holds already. */
export interface Held {
  /** Asked for only by what names a message of it. */
  history: () => Promise<readonly UIMessage[]>
  /** The letters that wait. Read before the history: a letter that begins its turn moves into that. */
  queued: () => Promise<readonly Letter[]>
  /** Where a letter is that was posted; undefined when the session does not know it (any more). */
  findLetter: (letterId: string) => Promise<LetterPlace | undefined>
  /** The message that waits, if one does. */
  waiting: FoldedMessage | undefined
  /** The letter of the turn that runs or waits. */
  unfinishedLetter: string | undefined
  /** The log of the last turn; undefined where there was none. */
  lastLog: string | undefined
}

/** A letter to post, or nothing new: then the turn that runs, if any, is what the client wants to see. */
export async function letterOf(posting: Posting, held: Held): Promise<Letter | undefined> {
  if (posting.trigger === 'regenerate-message') return regenerate(posting, held)
  const message = await posting.last.read()
  return message.role === 'user'
    ? userLetter(message, posting, held)
    : answerLetter(message, posting, held)
}

async function userLetter(
  message: UIMessage,
  { messageId, key, last, request, fileUrls = 'public' }: Posting,
  held: Held,
): Promise<Letter> {
  const waits = letterThatWaits(messageId === undefined ? [] : await held.queued(), messageId)
  const history = messageId === undefined ? [] : await held.history()
  const edited = history.find(({ id }) => id === messageId)
  const said = trusted(message)
  const steps = new WorkSteps()
  checkAnswerable(said)
  await steps.next(sizeOf(said))
  checkFiles(said, fileUrls)
  await steps.next(sizeOf(said))
  const plain = { kind: 'message' as const, replyId: randomUUID(), request }
  // The message's own id comes first: under another, what it names could be posted over.
  const id = last.id === message.id ? message.id : (key ?? message.id)
  const what = { digest: await contentDigest(said.parts) }
  await steps.next(sizeOf(said))
  if (edited === undefined && waits?.message !== undefined) {
    return inPlaceOf(waits, request, { ...what, message: { ...said, id: waits.message.id } })
  }
  if (edited === undefined) return { ...plain, ...what, id, message: said }
  if (edited.role !== 'user') {
    throw new LoomError(
      'invalid-request',
      'messageId is not of a user message: only those are edited.',
    )
  }
  const kept = { ...said, id: edited.id }
  // While a message waits, nothing is being answered: the same edit asks for another answer.
  const at = held.waiting
    ? { last: held.waiting, unfinishedLetter: undefined }
    : { last: history.at(-1), unfinishedLetter: held.unfinishedLetter }
  const letterId = key ?? editId(kept, edited, at)
  return { ...plain, ...what, id: letterId, message: kept, cutAt: edited.id }
}

/** The same edit sent twice is one edit; an edit back, later, is another. */
function editId(kept: UIMessage, edited: UIMessage, { last, unfinishedLetter }: EditedIn): string {
  const isAnswered = edited.id !== last?.id
  const isMade = digest(edited.parts) === digest(kept.parts)
  // What is being answered is what this edit made of it.
  if (unfinishedLetter !== undefined && isMade && !isAnswered) return unfinishedLetter
  return `edit:${digest([edited.id, kept.parts, last?.id])}`
}

interface EditedIn {
  /** The last message of the session. */
  last: { id: string } | undefined
  unfinishedLetter: string | undefined
}

/** What a client has a say in: its text and files. */
function trusted({ id, role, parts, metadata }: UIMessage): UIMessage {
  const said = parts.flatMap((part): UIMessage['parts'] => {
    if (part.type === 'text') return [{ type: 'text', text: part.text }]
    if (part.type !== 'file') return part.type.startsWith('data-') ? [part] : []
    const { type, mediaType, url, filename } = part
    return [{ type, mediaType, url, ...(filename !== undefined && { filename }) }]
  })
  const kept = withoutQueued(metadata)
  return { id, role, parts: said, ...(kept !== undefined && { metadata: kept }) }
}

async function regenerate(posting: Posting, held: Held): Promise<Letter | undefined> {
  const { messageId, last, key, request } = posting
  const from = messageId ?? last.id
  const waits = letterThatWaits(await held.queued(), from)
  const history = await held.history()
  const index = history.findIndex(({ id }) => id === from)
  const named = history[index]
  // The history has no message that waits; it answers what the history ends with.
  const answers = (at: number) => (at === history.length - 1 ? held.waiting : history[at + 1])
  // It has no answer yet, so its answer to come is what is asked for.
  if (named === undefined && waits !== undefined) return inPlaceOf(waits, request)
  // Somebody took it back, and somebody wants its answer now: it is a new message.
  if (named === undefined && typeof from === 'string' && from === last.id) {
    const isWithdrawn = async () => (await held.findLetter(from))?.as === 'withdrawn'
    if (last.role === 'user' && (await isWithdrawn())) {
      return userLetter(await last.read(), posting, held)
    }
  }
  const target = named?.role === 'user' ? answers(index) : named
  if (target === undefined && named !== undefined) {
    // It is being answered already.
    return held.unfinishedLetter === undefined ? unanswered(named, request, held) : undefined
  }
  if (typeof from !== 'string') {
    throw new LoomError('invalid-request', 'There is no such message to make anew.')
  }
  // One that is not there was perhaps cut by this very request, whose answer was lost: the store knows.
  const cutAt = target?.id ?? from
  const id = key ?? `regenerate:${cutAt}`
  return { id, kind: 'message', replyId: randomUUID(), cutAt, request }
}

/**
 * For a history that ends with a user message and that no turn answers: a fork at that message, or a
 * turn that was lost with its log. The id names the content and not the request, so that two clients
 * which ask at once get one answer.
 */
const unanswered = ({ id }: UIMessage, request: LetterRequest, { lastLog = '' }: Held): Letter => ({
  id: `answer-again:${digest([id, lastLog])}`,
  kind: 'message',
  replyId: randomUUID(),
  request,
})

/** Answers what the history ends with, so it must not wait until the history ends with something else. */
export const waitsForNone = ({ kind, message, cutAt }: Letter): boolean =>
  kind === 'message' && message === undefined && cutAt === undefined

function answerLetter(
  message: UIMessage,
  { key, request, last }: Posting,
  { waiting }: Held,
): Letter | undefined {
  if (waiting === undefined || waiting.id !== message.id) return undefined
  const answers = last.answers.filter((answer) => isAwaited(waiting, answer))
  if (answers.length === 0) return undefined
  refuseOmitted(answers)
  const id = key ?? answerId(waiting, answers)
  return { id, kind: 'answer', replyId: waiting.id, answer: answers, request }
}

/** @throws LoomError for an answer that counts and is beyond the limits of a body */
function refuseOmitted(answers: readonly Answer[]): void {
  for (const answer of answers) {
    const values: unknown[] = Object.values(answer)
    const omitted = values.find((value) => value instanceof OmittedValue)
    if (omitted !== undefined) throw omitted.refusal
  }
}

/** Whether a message waits for this very answer. */
export const isAwaited = (waiting: FoldedMessage, answer: Answer): boolean =>
  answer.type === 'approval'
    ? waitsForApproval(waiting, answer.approvalId) !== undefined
    : waitsForOutput(waiting, answer.toolCallId) !== undefined

/** The same answers to the same message are one letter. Call ids alone are not: some models count from 0 each time. */
export const answerId = ({ id }: Pick<FoldedMessage, 'id'>, answers: readonly Answer[]): string =>
  `answer:${digest([id, answers])}`

/** As `digest`, but files of megabytes are hashed beside the event loop. */
export async function contentDigest(value: unknown): Promise<string> {
  const bytes = Buffer.from(JSON.stringify(value))
  const hash = await webcrypto.subtle.digest('SHA-256', bytes)
  return Buffer.from(hash).toString('base64url').slice(0, 22)
}

export const digest = (value: unknown): string =>
  createHash('sha256').update(JSON.stringify(value)).digest('base64url').slice(0, 22)
