/**
 * Converts a stream of bytes to plain text: it decodes UTF-8 and removes terminal escape sequences and
 * control characters. A chunk may end within a character or a sequence. Carriage returns stay, since their
 * effect depends on the whole line (`output.ts`).
 */

/**
 * The maximum length of a sequence that continues in the next chunk. Longer text is not treated as a
 * sequence.
 */
const pendingMax = 4096

const bell = String.fromCodePoint(0x07)
const escape = String.fromCodePoint(0x1b)

/** ECMA-48: a control sequence, a string with its terminator, or a single escape. */
const completePattern = String.raw`\[[0-?]*[ -/]*[@-~]|[\]PX^_][^${bell}${escape}]*(?:${bell}|${escape}\\)|[ -/]*[0-OQ-WYZ\\\`-~]`
const startPattern = String.raw`\[[0-?]*[ -/]*|[\]PX^_][^${bell}${escape}]*${escape}?|[ -/]*`
const escapeSequence = new RegExp(`${escape}(?:${completePattern})`, 'g')
const unfinishedSequence = new RegExp(`${escape}(?:${startPattern})$`)
/** Control characters such as backspace, and NUL, which some providers refuse. */
const invisible = /[^\P{Cc}\t\n\r]/gu

export class PlainText {
  readonly #decoder = new TextDecoder('utf-8', { ignoreBOM: true })
  #pending = ''

  /** Returns the text of a chunk. Without bytes it ends the stream and returns the rest. */
  push(bytes?: Uint8Array): string {
    const text = this.#pending + this.#decoder.decode(bytes, { stream: bytes !== undefined })
    const end = bytes === undefined ? text.length : shownLength(text)
    this.#pending = text.slice(end)
    return text.slice(0, end).replace(escapeSequence, '').replace(invisible, '')
  }
}

function shownLength(text: string): number {
  const match = unfinishedSequence.exec(text.slice(-pendingMax))
  return match === null ? text.length : text.length - match[0].length
}
