/**
 * The place of a message in a session whose client repeats the conversation in each request. The session has the
 * history. The client's copy only shows whether its last message is new, an edit, or one that it sent before.
 */
import type { UIMessage } from 'ai'

import { digest } from '../../src/session/content-digest.ts'
import type { PostContent } from '../../src/session/post-content.ts'

interface Posted {
  /** The user messages before the new one, as the client repeats them. */
  earlier: readonly UIMessage[]
  message: UIMessage | undefined
  /** Whether the client says that it repeats a request. */
  isRepeat: boolean
  isRunning: boolean
}

export interface Continuation extends Pick<PostContent, 'trigger' | 'messageId'> {
  /** The id of the posted message. */
  id: string
}

/** @param stored the last user messages of the session, the newest last */
export function continuationOf(stored: readonly UIMessage[], posted: Posted): Continuation {
  const { earlier, message, isRepeat, isRunning } = posted
  const newest = stored.at(-1)
  const content = contentOf(message)
  const isSent = newest !== undefined && contentOf(newest) === content
  // A client that repeats no history may say the same thing twice.
  const isSentAgain = isSent && (follows(stored.slice(0, -1), earlier) || isRepeat || isRunning)
  if (isSentAgain && (isRepeat || isRunning))
    return { trigger: 'submit-message', id: newest.id, messageId: undefined }
  if (isSentAgain) return { trigger: 'regenerate-message', id: newest.id, messageId: newest.id }
  // The same post sent twice gets the same id, until the session has it.
  const added: Continuation = {
    trigger: 'submit-message',
    id: `message-${digest([newest?.id ?? '', content])}`,
    messageId: undefined,
  }
  if (newest === undefined || earlier.length === 0 || follows(stored, earlier)) return added
  // The client went back: an earlier message of the session precedes the posted one.
  const at = stored.findLastIndex((_, index) => follows(stored.slice(0, index + 1), earlier))
  const target = at === -1 ? undefined : stored[at + 1]
  return target === undefined
    ? added
    : { trigger: 'submit-message', id: target.id, messageId: target.id }
}

/** Whether the client's messages end as those of the session. It may have left out earlier ones. */
function follows(stored: readonly UIMessage[], earlier: readonly UIMessage[]): boolean {
  if (earlier.length === 0) return false
  const compared = Math.min(stored.length, earlier.length)
  if (compared === 0) return false
  return Array.from({ length: compared }, (_, index) => index + 1).every(
    (back) => contentOf(stored.at(-back)) === contentOf(earlier.at(-back)),
  )
}

/** The texts of a message. Files have other addresses in a session. */
const contentOf = (message: UIMessage | undefined): string =>
  JSON.stringify(message?.parts.map((part) => (part.type === 'text' ? part.text : part.type)) ?? [])
