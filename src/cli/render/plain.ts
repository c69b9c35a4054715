/**
 * Makes texts of models and tools safe for a terminal. An escape sequence could move the cursor,
 * change the title, write to the clipboard or answer a question for the user. A bidirectional
 * override could display one command as another. Such characters are made replacementFor.
 */

/** Keeps line ends, replaces tabs by spaces and makes every other control character replacementFor. */
export function plain(text: string): string {
  return text.replace(/\r\n/g, '\n').replace(unsafe, replacementFor)
}

/** Like `plain`, on one line. */
export function plainLine(text: string): string {
  return plain(text)
    .replace(/\s*\n\s*/g, ' ')
    .trim()
}

/**
 * Like `plain`, for a text that a human decides about. A character that is invisible or looks like
 * a space is shown by its number (`<U+200B>`), because it can hide the real meaning of a command.
 */
export function visibleText(text: string): string {
  return plain(text.replace(invisible, codePointText))
}

/** Like `visibleText`, on one line. */
export function visibleLine(text: string): string {
  return plainLine(text.replace(invisible, codePointText))
}

// Format characters, default ignorable code points, every space except U+0020, line and paragraph
// separators, the Braille blank, and code points without a glyph. A variation selector after an emoji is
// allowed: it only selects the glyph.
const invisible =
  /(?!(?<=\p{Extended_Pictographic})\ufe0f)[\p{Cf}\p{Default_Ignorable_Code_Point}\u2800\p{Co}\p{Cn}\p{Cs}\p{Zl}\p{Zp}]|(?! )\p{Zs}/gu

const codePointText = (character: string): string =>
  `<U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}>`

// Control characters, bidirectional embeddings, overrides and isolates, and the line ends of
// Unicode.
const unsafe = /[\p{Cc}\u202a-\u202e\u2066-\u2069\u2028\u2029]/gu

function replacementFor(character: string): string {
  if (character === '\n') return character
  if (character === '\t') return '    '
  const code = character.charCodeAt(0)
  if (code < 0x20) return String.fromCharCode(0x2400 + code)
  if (code === 0x7f) return '\u2421'
  return code === 0x2028 || code === 0x2029 ? ' ' : '\ufffd'
}
