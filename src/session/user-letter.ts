/** Letters with a user message: a new one, or an edit of a message in the history or in the queue. */
import type { UIMessage } from 'ai'

import { LoomError } from '../ground/error.ts'
import { late } from '../ground/late.ts'
import { sizeOf, WorkSteps } from '../ground/long-work.ts'
import { newMessageId } from '../ground/message-id.ts'
import type { Letter } from '../store/letter.ts'
import { checkAnswerable } from '../wire/conversation.ts'
import { checkFiles } from '../wire/conversation/posted-files.ts'
import { contentDigest, digest } from './content-digest.ts'
import type { PostContent } from './post-content.ts'
import { inPlaceOf, letterInQueue, withoutQueued } from './queue-edit.ts'
import { letterWithdrawn, noMessage } from './receipt.ts'
import type { SessionView } from './session-view.ts'

/** Only a server that downloads files loads it. */
const downloads = late(() => import('../attachments/file-download.ts'))

/**
 * @throws LoomError `invalid-request` for a message that no model can answer, and for an edit of an answer;
 * `refused` for an edit of a message that the session does not have
 */
export async function userLetter(
  message: UIMessage,
  { messageId, key, last, request, fileUrls = 'public' }: PostContent,
  view: SessionView,
): Promise<Letter> {
  const former = letterInQueue(messageId === undefined ? [] : await view.queue(), messageId)
  const history = messageId === undefined ? [] : await view.history()
  const target = history.find(({ id }) => id === messageId)
  const content = clientContent(message)
  // A page that edits a message posts the address under which it got the file.
  const isStored = storedFiles([...history, ...(former?.message ? [former.message] : [])])
  const steps = new WorkSteps()
  checkAnswerable(content)
  await steps.next(sizeOf(content))
  checkFiles(content, fileUrls, isStored)
  await steps.next(sizeOf(content))
  const plain = { kind: 'message' as const, replyId: newMessageId(), request }
  // The message's own id comes first. Under another id, a later post could replace the message.
  const id = last.id === message.id ? message.id : (key ?? message.id)
  const what = { digest: await contentDigest(content.parts) }
  await steps.next(sizeOf(content))
  const whole = fileUrls === 'download' ? await (await downloads()).withDownloads(content) : content
  if (target === undefined && former?.message !== undefined) {
    return inPlaceOf(former, request, { ...what, message: { ...whole, id: former.message.id } })
  }
  if (target === undefined) {
    if (messageId !== undefined && !view.isNew) await checkSentAgain(messageId, last.id, view)
    return { ...plain, ...what, id, message: whole }
  }
  if (target.role !== 'user') {
    throw new LoomError(
      'invalid-request',
      'messageId does not name a user message: only user messages can be edited.',
    )
  }
  const edit = { ...content, id: target.id }
  // While a message waits, no turn runs: the same edit asks for another answer.
  const at = view.pendingMessage
    ? { last: view.pendingMessage, turnLetterId: undefined }
    : { last: history.at(-1), turnLetterId: view.turnLetterId }
  return {
    ...plain,
    ...what,
    id: key ?? editId(edit, target, at),
    message: { ...whole, id: target.id },
    cutAt: target.id,
  }
}

/**
 * An edit of a message that is neither in the history nor in the queue sends a withdrawn message again. Any
 * other one would add a message where the client replaces one.
 * @throws LoomError `refused`
 */
async function checkSentAgain(
  messageId: string,
  ownId: unknown,
  { findLetter }: SessionView,
): Promise<void> {
  const known = await findLetter(messageId)
  if (known === undefined) throw noMessage()
  // The store decides about a message under its own id: it may have moved since the history was read.
  if (known.as !== 'withdrawn' && messageId !== ownId) throw letterWithdrawn()
}

interface EditedSession {
  /** The last message of the session. */
  last: { id: string } | undefined
  turnLetterId: string | undefined
}

/** The id of a letter: the same edit sent twice is one edit. A later edit back to the old text is another. */
function editId(edit: UIMessage, target: UIMessage, { last, turnLetterId }: EditedSession): string {
  const hasAnswer = target.id !== last?.id
  const isApplied = digest(target.parts) === digest(edit.parts)
  // The turn that runs answers the message as this edit made it.
  if (turnLetterId !== undefined && isApplied && !hasAnswer) return turnLetterId
  return `edit:${digest([target.id, edit.parts, last?.id])}`
}

/** Returns whether one of these messages has a file with this address on this server. */
function storedFiles(messages: readonly UIMessage[]): (url: string) => boolean {
  const urls = new Set(
    messages.flatMap(({ parts }) =>
      parts.flatMap((part) => (part.type === 'file' && part.url.startsWith('/') ? [part.url] : [])),
    ),
  )
  return (url) => urls.has(url)
}

/** The parts of a message that a client may set: its text, its files and its `data-` parts. */
function clientContent({ id, role, parts, metadata }: UIMessage): UIMessage {
  const content = parts.flatMap((part): UIMessage['parts'] => {
    if (part.type === 'text') return [{ type: 'text', text: part.text }]
    if (part.type !== 'file') return part.type.startsWith('data-') ? [part] : []
    const { type, mediaType, url, filename } = part
    return [{ type, mediaType, url, ...(filename !== undefined && { filename }) }]
  })
  const clientMetadata = withoutQueued(metadata)
  return {
    id,
    role,
    parts: content,
    ...(clientMetadata !== undefined && { metadata: clientMetadata }),
  }
}
