/** Shows the end of a conversation that continues, in a few dim lines. */
import type { UIMessage } from 'ai'

import { shorten } from '../../ground/cut-text.ts'
import type { Conversation } from '../conversation.ts'
import { plainLine } from '../render/plain.ts'
import type { Screen } from '../render/screen.ts'

const charactersMax = 200

/** Shows the last question, its answer and the number of messages before them. */
export async function recall(conversation: Conversation, screen: Screen): Promise<void> {
  const messages = await conversation.messages()
  for (const message of messages.slice(-2)) recallOne(message, screen)
  const others = messages.length - 2
  if (others > 0) screen.note(screen.paint('dim', `  (and ${others} messages before)`))
}

/** Shows the question of the running answer. */
export async function recallQuestion(conversation: Conversation, screen: Screen): Promise<void> {
  const last = (await conversation.messages()).findLast(({ role }) => role === 'user')
  if (last !== undefined) recallOne(last, screen)
}

function recallOne({ role, parts }: UIMessage, screen: Screen): void {
  const texts = parts.flatMap((part) => (part.type === 'text' ? [part.text] : []))
  const text = plainLine(texts.join(' '))
  if (text === '') return
  const shown = shorten(text, charactersMax)
  screen.note(screen.paint('dim', `${role === 'user' ? '›' : ' '} ${shown}`))
}
