/**
 * The letter that a posted conversation becomes. The server owns the history. Only the last posted
 * message can be new. If it is an assistant message, only its answers count, and only those that this
 * session waits for. Everything else in the post is ignored.
 */
import type { Letter } from '../store/letter.ts'
import { answerLetter } from './answer-letter.ts'
import type { PostContent } from './post-content.ts'
import { regenerationLetter } from './regeneration-letter.ts'
import type { SessionView } from './session-view.ts'
import { userLetter } from './user-letter.ts'

/**
 * Returns a letter, or undefined if the post contains nothing new. In that case the client needs the
 * stream of the turn that runs, if one does.
 */
export async function letterOf(
  content: PostContent,
  view: SessionView,
): Promise<Letter | undefined> {
  if (content.trigger === 'regenerate-message') return regenerationLetter(content, view)
  const message = await content.last.read()
  return message.role === 'user'
    ? userLetter(message, content, view)
    : answerLetter(message, content, view)
}
