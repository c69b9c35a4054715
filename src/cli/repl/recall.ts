/** Shows the end of a conversation that continues, in a few dim lines. */
import type { UIMessage } from 'ai'

import { shorten } from '../../ground/cut-text.ts'
import { fieldsOf } from '../../ground/fields.ts'
import type { Conversation } from '../conversation.ts'
import { plain, plainLine } from '../render/plain.ts'
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

/** Shows the messages that came after this one: the results of background tasks, and the answers to them. */
export async function recallAfter(
  id: string | undefined,
  conversation: Conversation,
  screen: Screen,
): Promise<void> {
  const messages = await conversation.messages()
  const index = messages.findIndex((message) => message.id === id)
  // A failed answer may have left no message.
  const news = index === -1 ? messages.slice(-2) : messages.slice(index + 1)
  for (const { role, parts, metadata } of news) {
    const text = parts.flatMap((part) => (part.type === 'text' ? [part.text] : [])).join('\n\n')
    if (text === '') continue
    const isResult = role === 'user' && 'task' in fieldsOf(metadata)
    for (const line of screen.breakLines(plain(text)))
      screen.error(role === 'user' ? screen.paint('dim', `${isResult ? '' : '› '}${line}`) : line)
  }
}

function recallOne({ role, parts }: UIMessage, screen: Screen): void {
  const texts = parts.flatMap((part) => (part.type === 'text' ? [part.text] : []))
  const text = plainLine(texts.join(' '))
  if (text === '') return
  const shown = shorten(text, charactersMax)
  screen.note(screen.paint('dim', `${role === 'user' ? '›' : ' '} ${shown}`))
}
