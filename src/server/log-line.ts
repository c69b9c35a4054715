/**
 * Writes a text as one line of a log. The text may come from a client, a provider or a store. A
 * line end in it would begin a line that looks like another entry, and an escape sequence would act
 * on the terminal that shows the log.
 */

/** Control and format characters, line and paragraph separators, and half surrogate pairs. */
const unprintable = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu

/**
 * Escapes unprintable characters in the way of JSON, so that the text is one line of visible
 * characters.
 */
export const logLine = (text: string): string => text.replace(unprintable, escaped)

function escaped(character: string): string {
  const short = shortEscapes[character]
  if (short !== undefined) return short
  // A code point beyond U+FFFF has two units, and each unit has its own escape.
  const units = Array.from({ length: character.length }, (_, at) => character.charCodeAt(at))
  return units.map((unit) => `\\u${unit.toString(16).padStart(4, '0')}`).join('')
}

const shortEscapes: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' }
