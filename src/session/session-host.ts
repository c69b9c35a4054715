/** The objects that accept a post: the sessions of a process, and the models of its agents. A `Loom` is one. */
import type { ModelReference, Models } from '../model.ts'
import type { Sessions } from '../sessions.ts'
import type { FileUrls } from '../wire/conversation/file-address.ts'

export interface SessionHost {
  readonly sessions: Sessions
  readonly models: Models
  readonly defaultModel: ModelReference
  /** The addresses that a posted file may have besides a `data:` URL. */
  readonly fileUrls: FileUrls
}
