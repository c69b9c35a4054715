/** What was said before, in a few faint lines, so that one knows where one is. */
import type { UIMessage } from 'ai'

import type { Conversation } from '../conversation.ts'
import { plainLine } from '../render/plain.ts'
import type { Screen } from '../render/screen.ts'

const charactersMax = 200

/** The last question and its answer, and how much there is before them. */
export async function recall(conversation: Conversation, screen: Screen): Promise<void> {
  const messages = await conversation.messages()
  for (const message of messages.slice(-2)) recallOne(message, screen)
  const others = messages.length - 2
  if (others > 0) screen.note(screen.paint('dim', `  (and ${others} messages before)`))
}

/** What is being answered. */
export async function recallQuestion(conversation: Conversation, screen: Screen): Promise<void> {
  const last = (await conversation.messages()).findLast(({ role }) => role === 'user')
  if (last !== undefined) recallOne(last, screen)
}

function recallOne({ role, parts }: UIMessage, screen: Screen): void {
  const texts = parts.flatMap((part) => (part.type === 'text' ? [part.text] : []))
  const said = plainLine(texts.join(' '))
  if (said === '') return
  const shown = said.length > charactersMax ? `${said.slice(0, charactersMax)}…` : said
  screen.note(screen.paint('dim', `${role === 'user' ? '›' : ' '} ${shown}`))
}
