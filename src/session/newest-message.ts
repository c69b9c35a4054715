/** The check of an edit or a regeneration by a page that may not show the newest messages. */
import { LoomError } from '../ground/error.ts'
import type { Letter } from '../store/letter.ts'
import type { SessionView } from './session-view.ts'

/**
 * Refuses to cut messages that the page of the client does not show, for example those of another tab.
 * @param lastMessageId the newest message that the page shows. Undefined: the page does not say it
 * @param letter the edit or the regeneration. One that the session has already is not checked: it has
 * changed the history itself.
 * @throws LoomError `refused`
 */
export async function checkNewest(
  lastMessageId: string | undefined,
  letter: Letter,
  view: SessionView,
): Promise<void> {
  if (lastMessageId === undefined || view.isNew) return
  const queue = await view.queue()
  const history = await view.history()
  const newest = [history.at(-1)?.id, view.pendingMessage?.id, view.lastLogId]
  if (newest.includes(lastMessageId)) return
  if (queue.some(({ id, message }) => id === lastMessageId || message?.id === lastMessageId)) return
  if ((await view.findLetter(letter.id)) !== undefined) return
  throw new LoomError(
    'refused',
    'The conversation has newer messages than this page shows, for example from another tab. Load the messages again.',
  )
}
