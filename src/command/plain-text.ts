/**
 * What a terminal would show of a stream of bytes, as text: characters and escape sequences may be
 * cut anywhere between two chunks. Carriage returns are left in; they need the whole line.
 */

/** A sequence that goes on in the next chunk. A longer one is taken to be none. */
const heldMax = 4096

const bell = String.fromCodePoint(0x07)
const escape = String.fromCodePoint(0x1b)

/** ECMA-48: a control sequence, a string up to its end, or an escape of its own. */
const finished = String.raw`\[[0-?]*[ -/]*[@-~]|[\]PX^_][^${bell}${escape}]*(?:${bell}|${escape}\\)|[ -/]*[0-OQ-WYZ\\\`-~]`
const begun = String.raw`\[[0-?]*[ -/]*|[\]PX^_][^${bell}${escape}]*${escape}?|[ -/]*`
const escapeSequence = new RegExp(`${escape}(?:${finished})`, 'g')
const unfinishedSequence = new RegExp(`${escape}(?:${begun})$`)
/** NUL, which some providers refuse, backspace and their like. */
const invisible = /[^\P{Cc}\t\n\r]/gu

export class PlainText {
  readonly #decoder = new TextDecoder('utf-8', { ignoreBOM: true })
  #held = ''

  /** Without bytes: the end, where nothing can be held back any longer. */
  push(bytes?: Uint8Array): string {
    const text = this.#held + this.#decoder.decode(bytes, { stream: bytes !== undefined })
    const end = bytes === undefined ? text.length : shownLength(text)
    this.#held = text.slice(end)
    return text.slice(0, end).replace(escapeSequence, '').replace(invisible, '')
  }
}

function shownLength(text: string): number {
  const found = unfinishedSequence.exec(text.slice(-heldMax))
  return found === null ? text.length : text.length - found[0].length
}
