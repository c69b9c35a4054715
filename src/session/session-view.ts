/** The state of a session that decides the meaning of a post to it. */
import type { UIMessage } from 'ai'

import type { FoldedMessage } from '../message-fold.ts'
import type { Letter } from '../store/letter.ts'
import type { LetterPlace } from '../store/mailbox.ts'

/** The state of a session, as a post sees it. */
export interface SessionView {
  /** Whether the session does not exist yet. */
  isNew: boolean
  /** Reads the history. Only a post that names a message needs it. */
  history: () => Promise<readonly UIMessage[]>
  /**
   * Reads the letters in the queue. A caller reads them before the history: a letter that begins its
   * turn moves from the queue into the history.
   */
  queue: () => Promise<readonly Letter[]>
  /** Returns the place of an earlier letter. Returns undefined if the session has no such letter. */
  findLetter: (letterId: string) => Promise<LetterPlace | undefined>
  /** The message that waits for a client or a human. Undefined if none waits. */
  pendingMessage: FoldedMessage | undefined
  /** The id of the letter whose turn runs or waits. */
  turnLetterId: string | undefined
  /** The id of the log of the last turn. Undefined if the session has had no turn. */
  lastLogId: string | undefined
}
