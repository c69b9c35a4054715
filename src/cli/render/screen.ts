/**
 * Writes to the two output streams of a command. Answers go to stdout, all other text to stderr. If
 * both are the same terminal, their texts must not mix. A status line is below the output, and is
 * erased before other text is written.
 */
import type { Environment } from '../../ground/environment.ts'
import { breakLines } from './line-breaks.ts'
import { fullPaint, isStyled, noPaint, type Paint } from './style.ts'
import { cutTo, widthOf } from './width.ts'

/** The part of `process.stdout` and `process.stderr` that the screen uses. */
export interface Output extends NodeJS.WritableStream {
  isTTY?: boolean
  columns?: number
  writableNeedDrain?: boolean
  destroyed?: boolean
}

export interface ScreenOptions {
  stdout: Output
  stderr: Output
  environment: Environment
  /** Whether only errors go to stderr. */
  isQuiet: boolean
}

/** The largest line width in columns. Longer lines are hard to read. */
const widthMax = 100
const spinnerMs = 100
/** After a pause of this time within a line, the status is shown below the line. */
const stalledMs = 4000
/** The largest number of queued lines that are shown. */
const queuedMax = 3
/** Synchronised output (mode 2026) prevents flicker. Terminals without it ignore the sequence. */
const atomic = '\u001b[?2026h'
const atomicEnd = '\u001b[?2026l'
const frames = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏']

interface Status {
  text: (columns: number) => string
  /** The lines below the status. */
  rows: (columns: number) => readonly string[]
  frame: number
}

export class Screen {
  readonly #options: ScreenOptions
  /** Styles text for stdout. */
  readonly paintAnswer: Paint
  /** Styles text for stderr. */
  readonly paint: Paint
  /** Whether Markdown is rendered. */
  readonly isRendered: boolean
  readonly #isAnimated: boolean
  /** Whether the cursor is after an incomplete line. */
  #isMidLine = false
  #status: Status | undefined
  #isStatusShown = false
  /** Whether the status was drawn on a line of its own, with the composer below it. */
  #isBelow = false
  /** The lines that the user types during an answer. They are shown below the status. */
  #composer: string[] = []
  /** The width of the incomplete line of the answer in columns. */
  #column = 0
  #timer: NodeJS.Timeout | undefined
  /** The time of the last write of the answer, of `performance.now()`. */
  #answeredAt = 0

  constructor(options: ScreenOptions) {
    const { stdout, stderr, environment } = options
    this.#options = options
    this.isRendered = isStyled(stdout, environment)
    this.paintAnswer = this.isRendered ? fullPaint : noPaint
    const isStyledNote = isStyled(stderr, environment)
    this.paint = isStyledNote ? fullPaint : noPaint
    this.#isAnimated = isStyledNote && stderr.isTTY === true && !options.isQuiet
  }

  /** Whether the lines about tools are left out. */
  get isQuiet(): boolean {
    return this.#options.isQuiet
  }

  get width(): number {
    const { stdout, stderr } = this.#options
    const columns = stdout.columns ?? stderr.columns ?? 80
    // The last column stays free, because terminals differ in the position of the cursor after it.
    return Math.max(20, Math.min(columns - 1, widthMax))
  }

  /** The width of the terminal that shows notes and questions. */
  get columns(): number {
    return this.#options.stderr.columns ?? 80
  }

  /**
   * Returns a text as lines, broken between words if stderr is a terminal.
   *
   * @param indent the text before each further line of a line that is too long
   * @param reserve columns that the caller needs in each line
   */
  breakLines(text: string, indent = '', reserve = 0): string[] {
    if (this.#options.stderr.isTTY !== true) return text.split('\n')
    return breakLines(text, this.width - reserve, indent)
  }

  /** Whether stdout is a terminal. Text for a terminal is made safe. */
  get isTerminal(): boolean {
    return this.#options.stdout.isTTY === true
  }

  /** Writes a piece of an answer to stdout. */
  answer(text: string): void {
    if (text === '') return
    this.#wipe()
    this.#options.stdout.write(text)
    this.#answeredAt = performance.now()
    if (!this.isTerminal) return
    this.#isMidLine = !text.endsWith('\n')
    const start = text.lastIndexOf('\n') + 1
    this.#column = (start === 0 ? this.#column : 0) + widthOf(text.slice(start))
    if (this.#composer.length > 0) this.#draw()
  }

  /** Writes a line about the progress to stderr, unless the screen is quiet. */
  note(line: string): void {
    if (!this.#options.isQuiet) this.error(line)
  }

  /** Writes a line to stderr, also if the screen is quiet. */
  error(line: string): void {
    this.#wipe()
    if (this.#options.stderr.isTTY === true) this.endLine()
    this.#options.stderr.write(`${line}\n`)
    if (this.#composer.length > 0) this.#draw()
  }

  /** Ends an incomplete line of the terminal. */
  endLine(): void {
    if (!this.#isMidLine) return
    this.#isMidLine = false
    this.#column = 0
    this.#options.stdout.write('\n')
  }

  /**
   * Shows a status with a spinner until the next call, and `rows` below it. Undefined removes it. A row must
   * be at most as wide as its argument.
   */
  status(
    text: ((columns: number) => string) | undefined,
    rows: (columns: number) => readonly string[] = () => [],
  ): void {
    if (!this.#isAnimated) return
    if (text === undefined) {
      this.#wipe()
      clearInterval(this.#timer)
      this.#timer = undefined
      this.#status = undefined
      this.#composer = []
      return
    }
    this.#status = { text, rows, frame: this.#status?.frame ?? 0 }
    this.#timer ??= setInterval(() => this.#draw(), spinnerMs).unref()
  }

  /** Shows the lines that the user types during an answer: the queued lines and the current one. */
  composer({ queued, text }: { queued: readonly string[]; text: string }): void {
    if (this.#status === undefined) return
    this.#wipe()
    const isEmpty = queued.length === 0 && text === ''
    const hidden = queued.length - queuedMax
    this.#composer = isEmpty
      ? []
      : [
          ...(hidden > 0 ? [`… ${hidden} more queued`] : []),
          ...queued.slice(-queuedMax).map((line) => cutTo(`queued › ${line}`, this.columns - 2)),
          `› ${endOf(text, this.columns - 4)}`,
        ]
    this.#draw()
  }

  /** Erases the status and the composer until they are drawn again. */
  hide(): void {
    this.#wipe()
  }

  /** Resolves when stdout accepts more data, or is closed. */
  async whenWritable(): Promise<void> {
    const { stdout } = this.#options
    if (stdout.writableNeedDrain !== true || stdout.destroyed === true) return
    const { promise, resolve } = Promise.withResolvers<void>()
    stdout.once('drain', resolve).once('close', resolve)
    await promise
    stdout.off('drain', resolve).off('close', resolve)
  }

  #draw(): void {
    if (this.#status === undefined) return
    const isStalled = this.#isMidLine && performance.now() - this.#answeredAt > stalledMs
    const rows = this.#status.rows(this.columns - 3)
    if (this.#composer.length > 0 || isStalled || rows.length > 0 || this.#isBelow)
      return this.#drawBelow(this.#status, rows)
    if (this.#isMidLine) return
    const { text } = this.#status
    const frame = frames[this.#status.frame++ % frames.length] ?? ''
    const { stderr } = this.#options
    const columns = this.columns - 3
    const line = cutTo(text(columns), columns)
    stderr.write(`\r${this.paint('cyan', frame)} ${this.paint('dim', line)}\u001b[K`)
    this.#isStatusShown = true
  }

  /**
   * Draws the status and the composer below the answer and moves the cursor back to the end of the
   * answer. It draws nothing below a line that the terminal has wrapped, because the end of such a
   * line is not known.
   */
  #drawBelow(status: Status, rows: readonly string[]): void {
    const { stderr } = this.#options
    const columns = this.columns
    if (this.#isMidLine && this.#column >= columns) return
    const frame = frames[status.frame++ % frames.length] ?? ''
    const text = cutTo(status.text(columns - 3), columns - 3)
    const lines = [
      `${this.paint('cyan', frame)} ${this.paint('dim', text)}`,
      ...rows.map((row) => `  ${row}`),
      ...this.#composer,
    ]
    const back = this.#isMidLine
      ? `\u001b[${lines.length}A\u001b[${this.#column + 1}G`
      : `\u001b[${lines.length - 1}A\r`
    const from = this.#isMidLine ? '\u001b[J\r\n' : '\r\u001b[J'
    stderr.write(`${atomic}${from}${lines.join('\r\n')}${back}${atomicEnd}`)
    this.#isStatusShown = true
    this.#isBelow = true
  }

  #wipe(): void {
    if (!this.#isStatusShown) return
    this.#isStatusShown = false
    const isBelow = this.#isBelow
    this.#isBelow = false
    const start = this.#isMidLine ? '' : '\r'
    this.#options.stderr.write(isBelow ? `${start}\u001b[J` : '\r\u001b[K')
  }
}

/** Returns the end of a line, because the user looks at the end while typing. */
function endOf(line: string, columns: number): string {
  if (widthOf(line) <= columns) return line
  let end = Array.from(line)
  while (widthOf(end.join('')) > columns - 1) end = end.slice(1)
  return `…${end.join('')}`
}
