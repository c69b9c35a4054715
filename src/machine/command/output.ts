/**
 * The output of a command. Its end is in memory; if the output is longer than that, all of it is in a log.
 * Memory holds at most a few hundred kilobytes.
 */
import { CommandLog, type LogOptions } from './log.ts'
import { PlainText } from './plain-text.ts'
import { shownBytesMax, shownLinesMax } from './shown-limits.ts'

/** More pieces are joined into one: a command may write single characters. */
const piecesMax = 1000

/** The end of an output, as text. */
export interface ShownOutput {
  text: string
  /** The number of bytes of the whole output, including bytes that the text does not show. */
  bytes: number
  /** A note with the size of the whole output and its log; undefined if the text is complete. */
  cut: string | undefined
}

export class CommandOutput {
  readonly #text = new PlainText()
  readonly #log: CommandLog
  /** All bytes until the log starts; then undefined. */
  #early: Uint8Array[] | undefined = []
  #bytes = 0
  #lineEnds = 0
  /** The end of the text, slightly longer than the shown part. */
  #pieces: string[] = []
  #tailLength = 0
  #isDropped = false
  #chunks = 0

  /** @param logPath the path of the log, at which no file exists yet */
  constructor(logPath: string, log: LogOptions) {
    this.#log = new CommandLog(logPath, log)
  }

  get logPath(): string {
    return this.#log.path
  }

  /** The number of chunks so far. */
  get chunks(): number {
    return this.#chunks
  }

  /**
   * Receives a chunk. The caller may reuse the bytes when the returned promise settles, or at once if this
   * returns undefined.
   */
  push(bytes: Uint8Array): Promise<void> | undefined {
    this.#chunks += 1
    this.#bytes += bytes.length
    this.#append(this.#text.push(bytes))
    if (this.#early === undefined) return this.#log.write(bytes)
    this.#early.push(Buffer.from(bytes))
    if (this.#bytes > shownBytesMax || this.#isCut()) return this.#beginLog()
    return undefined
  }

  /** Ends the output. Returns whether there is a log, which is the case if the text is cut. */
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

  /** Returns the end of the output. */
  shown(): ShownOutput {
    const lines = withoutOverwritten(this.#tail).split('\n')
    // A newline at the end does not start another line.
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

  /** Its start may be within a line or a character. */
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

/** Keeps only the last state of a line that a progress bar overwrites. */
const withoutOverwritten = (text: string): string =>
  text.includes('\r') ? text.split('\n').map(lastState).join('\n') : text

/** It uses no regular expression, which would block the server for seconds on a long line. */
function lastState(line: string): string {
  let end = line.length
  while (line[end - 1] === '\r') end -= 1
  return line.slice(end === 0 ? 0 : line.lastIndexOf('\r', end - 1) + 1, end)
}

/** Returns the end of a text, at most `bytesMax` bytes of UTF-8, from the start of a character. */
function lastBytes(text: string, bytesMax: number): { text: string; isCut: boolean } {
  if (Buffer.byteLength(text) <= bytesMax) return { text, isCut: false }
  const bytes = Buffer.from(text)
  let start = bytes.length - bytesMax
  while (((bytes[start] ?? 0) & 0xc0) === 0x80) start += 1
  return { text: bytes.toString('utf8', start), isCut: true }
}
