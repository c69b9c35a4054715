/** The content of a post to a session, as the route read it from the request. */
import type { LetterRequest } from '../store/letter.ts'
import type { FileUrls } from '../wire/conversation/file-address.ts'
import type { LastMessage } from './last-message.ts'

export interface PostContent {
  /** The last posted message. Only this message can be new. */
  last: LastMessage
  trigger: 'submit-message' | 'regenerate-message'
  /** The id of the message that the post edits, regenerates or continues. */
  messageId: string | undefined
  /** The id of the newest message that the page shows. Undefined if the page does not say it. */
  lastMessageId?: string | undefined
  /** The value of the `Idempotency-Key` header. It identifies a post that has no id of its own. */
  key: string | undefined
  request: LetterRequest
  /** The addresses that a file may have besides a `data:` URL. @defaultValue 'public' */
  fileUrls?: FileUrls
}
