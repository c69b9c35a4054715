/** The title of a session in lists: the first words of its first user message. */
import type { UIMessage } from 'ai'

/** Characters of a title, without the dots that stand for the rest of the message. */
const titleLengthMax = 80

/** Characters of a message that are read: a message may have megabytes. */
const readLengthMax = 1000

/**
 * Returns the first words of the first user message that has a text, as one line that ends with `…` if words
 * are missing. Undefined if no message has a text.
 */
export function titleOf(messages: Iterable<UIMessage>): string | undefined {
  for (const message of messages) {
    const title = message.role === 'user' ? wordsOf(message) : ''
    if (title !== '') return title
  }
  return undefined
}

/** A store in this process reads the record of a session at each change. Stored messages do not change. */
const known = new WeakMap<UIMessage, string>()

function wordsOf(message: UIMessage): string {
  const words = known.get(message) ?? firstWords(textIn(message.parts))
  known.set(message, words)
  return words
}

function textIn(parts: UIMessage['parts']): string {
  const text: string[] = []
  let length = 0
  for (const part of parts) {
    if (part.type !== 'text' || length >= readLengthMax) continue
    text.push(part.text.slice(0, readLengthMax))
    length += part.text.length
  }
  return text.join(' ')
}

function firstWords(text: string): string {
  // A control character could change the screen of a terminal that shows the list.
  const line = text.replaceAll(/[\s\p{Cc}]+/gu, ' ').trim()
  if (line.length <= titleLengthMax) return line.toWellFormed()
  const end = line.lastIndexOf(' ', titleLengthMax)
  // A language without spaces, or one long word. A cut must not split a surrogate pair.
  const cut = end > titleLengthMax / 2 ? end : titleLengthMax
  return `${line
    .slice(0, cut)
    .replace(/[\uD800-\uDBFF]$/, '')
    .toWellFormed()}…`
}
