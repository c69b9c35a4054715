/**
 * What models and tools say, made harmless for a terminal. An escape sequence in it could move the
 * cursor, change the title, fill the clipboard or answer for the user; a bidirectional override could
 * show a command as another. They are shown as what they are instead.
 */

/** Line ends stay, tabs become spaces, every other control character becomes visible. */
export function plain(text: string): string {
  return text.replace(/\r\n/g, '\n').replace(unsafe, visible)
}

/** As `plain`, on one line. */
export function plainLine(text: string): string {
  return plain(text)
    .replace(/\s*\n\s*/g, ' ')
    .trim()
}

// Controls, the bidirectional embeddings, overrides and isolates, and Unicode's own line ends.
const unsafe = /[\p{Cc}\u202a-\u202e\u2066-\u2069\u2028\u2029]/gu

function visible(character: string): string {
  if (character === '\n') return character
  if (character === '\t') return '    '
  const code = character.charCodeAt(0)
  if (code < 0x20) return String.fromCharCode(0x2400 + code)
  if (code === 0x7f) return '\u2421'
  return code === 0x2028 || code === 0x2029 ? ' ' : '\ufffd'
}
