/**
 * What a command has printed: its end in memory, all of it in a log once that end is not all. Of any
 * amount of output a few hundred kilobytes are held.
 */
import { CommandLog, type LogOptions } from './log.ts'
import { PlainText } from './plain-text.ts'

export const shownLinesMax = 2000
export const shownBytesMax = 50 * 1024

/** A command that writes a character at a time has as many pieces. */
const piecesMax = 1000

/** The end of an output, in a form for its reader. */
export interface ShownOutput {
  text: string
  /** As they came, also those that no text shows. */
  bytes: number
  /** What is not shown, and where it is; undefined where all is. */
  cut: string | undefined
}

export class CommandOutput {
  readonly #text = new PlainText()
  readonly #log: CommandLog
  /** All bytes, until they are more than can be shown and the log begins. */
  #early: Uint8Array[] | undefined = []
  #bytes = 0
  #lineEnds = 0
  /** The last of the text, a little more than what is shown, as it came. */
  #pieces: string[] = []
  #tailLength = 0
  #isDropped = false
  #chunks = 0

  /** @param logPath where no file is */
  constructor(logPath: string, log: LogOptions) {
    this.#log = new CommandLog(logPath, log)
  }

  get logPath(): string {
    return this.#log.path
  }

  /** Grows with every chunk. */
  get chunks(): number {
    return this.#chunks
  }

  /** The bytes are not touched any more once what this gives has settled; undefined is at once. */
  push(bytes: Uint8Array): Promise<void> | undefined {
    this.#chunks += 1
    this.#bytes += bytes.length
    this.#append(this.#text.push(bytes))
    if (this.#early === undefined) return this.#log.write(bytes)
    this.#early.push(Buffer.from(bytes))
    if (this.#bytes > shownBytesMax || this.#isCut()) return this.#beginLog()
    return undefined
  }

  /** No more will come. Answers whether there is a log, which holds more than is shown. */
  async end(): Promise<boolean> {
    this.#append(this.#text.push())
    const isCut = this.#isCut()
    if (isCut) await this.#beginLog()
    await this.#log.close()
    if (!isCut) await this.#log.remove()
    return isCut
  }

  /** Returns the end of the output so far, for a progress display. */
  latest(bytesMax: number): string {
    return lastBytes(withoutOverwritten(this.#tail), bytesMax).text
  }

  shown(): ShownOutput {
    const lines = withoutOverwritten(this.#tail).split('\n')
    // The newline at the end ends the last line, and begins none.
    const isEnded = lines.at(-1) === '' && lines.length > 1
    if (isEnded) lines.pop()
    const last = lines.slice(-shownLinesMax).join('\n')
    const { text, isCut } = lastBytes(last, shownBytesMax)
    if (!isCut && !this.#isCut()) return { text, bytes: this.#bytes, cut: undefined }
    const total = this.#lineEnds + (isEnded ? 0 : 1)
    return { text, bytes: this.#bytes, cut: this.#notice(text, total) }
  }

  async #beginLog(): Promise<void> {
    if (this.#early === undefined) return
    const early = Buffer.concat(this.#early)
    this.#early = undefined
    await this.#log.write(early)
  }

  #append(text: string): void {
    if (text === '') return
    for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) this.#lineEnds += 1
    this.#pieces.push(text)
    this.#tailLength += text.length
    if (this.#pieces.length > piecesMax) this.#pieces = [this.#pieces.join('')]
    for (;;) {
      const [oldest = ''] = this.#pieces
      if (this.#tailLength - oldest.length < shownBytesMax) return
      this.#pieces.shift()
      this.#tailLength -= oldest.length
      this.#isDropped = true
    }
  }

  /** Begins anywhere in a line, also in the middle of a character. */
  get #tail(): string {
    return this.#pieces.join('')
  }

  #isCut(): boolean {
    if (this.#isDropped || this.#tailLength > shownBytesMax) return true
    const tail = this.#tail
    if (Buffer.byteLength(tail) > shownBytesMax) return true
    return this.#lineEnds + (tail.endsWith('\n') ? 0 : 1) > shownLinesMax
  }

  #notice(text: string, total: number): string {
    const shown = text.split('\n').length
    const which = total === 1 ? 'of 1 line' : `of ${total} lines, ${shown} are shown`
    const { path, problem } = this.#log
    const where = problem === undefined ? path : `${path}, ${problem}`
    return `Output cut: ${which} (the last ${Buffer.byteLength(text)} bytes). Full output: ${where}`
  }
}

/** Of a progress bar that writes over its line only the last state. */
const withoutOverwritten = (text: string): string =>
  text.includes('\r') ? text.split('\n').map(lastState).join('\n') : text

/** By hand: a regular expression takes seconds for a long line, in which the server stands still. */
function lastState(line: string): string {
  let end = line.length
  while (line[end - 1] === '\r') end -= 1
  return line.slice(end === 0 ? 0 : line.lastIndexOf('\r', end - 1) + 1, end)
}

/** The end of a text in UTF-8, from the start of a character on. */
function lastBytes(text: string, bytesMax: number): { text: string; isCut: boolean } {
  if (Buffer.byteLength(text) <= bytesMax) return { text, isCut: false }
  const bytes = Buffer.from(text)
  let start = bytes.length - bytesMax
  while (((bytes[start] ?? 0) & 0xc0) === 0x80) start += 1
  return { text: bytes.toString('utf8', start), isCut: true }
}
