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

/**
 * As `plain`, for what a human decides about: a character that cannot be seen, or looks like a space,
 * is shown by its number (`<U+200B>`), since it can make a command another one than it seems.
 */
export function revealed(text: string): string {
  return plain(text.replace(unseen, numbered))
}

/** As `revealed`, on one line. */
export function revealedLine(text: string): string {
  return plainLine(text.replace(unseen, numbered))
}

// Formats, what Unicode says to draw as nothing, every space but the usual one, the blank of Braille,
// and code points that no font has. A variation selector behind an emoji only chooses its picture.
const unseen =
  /(?!(?<=\p{Extended_Pictographic})\ufe0f)[\p{Cf}\p{Default_Ignorable_Code_Point}\u2800\p{Co}\p{Cn}\p{Cs}]|(?! )\p{Zs}/gu

const numbered = (character: string): string =>
  `<U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}>`

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
