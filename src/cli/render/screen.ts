/**
 * The two streams of a command as one picture: answers go to stdout, everything else to stderr, and
 * where both are the same terminal they must not run into each other. A status line lives below what
 * was written and is wiped before anything else is.
 */
import type { Environment } from '../../ground/environment.ts'
import { fitted } from './fitted.ts'
import { fullPaint, isStyled, noPaint, type Paint } from './style.ts'
import { cutTo, widthOf } from './width.ts'

/** What is used of `process.stdout` and `process.stderr`. */
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
  /** Nothing but errors goes to stderr. */
  isQuiet: boolean
}

/** Lines longer than this are hard to read, however wide the terminal is. */
const widthMax = 100
const spinnerMs = 100
/** How long an answer may pause within a line before the status stands below that line. */
const stalledMs = 4000
/** How many lines that wait are shown. */
const queuedMax = 3
/** Terminals that know synchronised output (mode 2026) show nothing half-drawn; others ignore it. */
const atomic = '\u001b[?2026h'
const atomicEnd = '\u001b[?2026l'
const frames = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏']

export class Screen {
  readonly #options: ScreenOptions
  /** Styles of what goes to stdout. */
  readonly paintAnswer: Paint
  /** Styles of what goes to stderr. */
  readonly paint: Paint
  /** Whether Markdown is to be rendered. */
  readonly isRendered: boolean
  readonly #isAnimated: boolean
  /** The cursor of the terminal stands behind unfinished text. */
  #isMidLine = false
  #status: { text: (columns: number) => string; frame: number } | undefined
  #isStatusShown = false
  /** It was drawn with what is typed below it. */
  #isBelow = false
  /** What is typed meanwhile, a line each; it stands below the status. */
  #composer: string[] = []
  /** Columns of the unfinished line of the answer. */
  #column = 0
  #timer: NodeJS.Timeout | undefined
  /** When the last piece of the answer was written, of `performance.now()`. */
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
    // The last column stays free: behind it, where the cursor is depends on the terminal.
    return Math.max(20, Math.min(columns - 1, widthMax))
  }

  /** Of the terminal that notes and questions go to. */
  get columns(): number {
    return this.#options.stderr.columns ?? 80
  }

  /**
   * A text for people as lines between words, where stderr is a terminal; otherwise as it is.
   *
   * @param indent before each further line of a line that is too long
   * @param reserve columns that the caller needs besides
   */
  fitted(text: string, indent = '', reserve = 0): string[] {
    if (this.#options.stderr.isTTY !== true) return text.split('\n')
    return fitted(text, this.width - reserve, indent)
  }

  /** Whether stdout is read by eyes: what is said there is made harmless. */
  get isTerminal(): boolean {
    return this.#options.stdout.isTTY === true
  }

  /** A piece of an answer, to stdout. */
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

  /** A whole line about what goes on, to stderr. */
  note(line: string): void {
    if (!this.#options.isQuiet) this.error(line)
  }

  /** A whole line that is told in any case. */
  error(line: string): void {
    this.#wipe()
    if (this.#options.stderr.isTTY === true) this.endLine()
    this.#options.stderr.write(`${line}\n`)
    if (this.#composer.length > 0) this.#draw()
  }

  /** Ends the line of a terminal that holds unfinished text. */
  endLine(): void {
    if (!this.#isMidLine) return
    this.#isMidLine = false
    this.#column = 0
    this.#options.stdout.write('\n')
  }

  /** What is going on, with a spinner, until it is changed or taken away. */
  status(text: ((columns: number) => string) | undefined): void {
    if (!this.#isAnimated) return
    if (text === undefined) {
      this.#wipe()
      clearInterval(this.#timer)
      this.#timer = undefined
      this.#status = undefined
      this.#composer = []
      return
    }
    this.#status = { text, frame: this.#status?.frame ?? 0 }
    this.#timer ??= setInterval(() => this.#draw(), spinnerMs).unref()
  }

  /** What is typed while something goes on: lines that wait, and the one that is being typed. */
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

  /** Takes away what stands below the answer, until it is drawn again. */
  hide(): void {
    this.#wipe()
  }

  /** Resolves when stdout takes more, or never will. */
  async drained(): Promise<void> {
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
    if (this.#composer.length > 0 || isStalled) return this.#drawBelow(this.#status)
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
   * The status and what is typed, on lines below the answer; the cursor returns to where the answer goes
   * on. A line that the terminal has wrapped is left alone: where it ends is the terminal's to know.
   */
  #drawBelow(status: { text: (columns: number) => string; frame: number }): void {
    const { stderr } = this.#options
    const columns = this.columns
    if (this.#isMidLine && this.#column >= columns) return
    const frame = frames[status.frame++ % frames.length] ?? ''
    const text = cutTo(status.text(columns - 3), columns - 3)
    const lines = [`${this.paint('cyan', frame)} ${this.paint('dim', text)}`, ...this.#composer]
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

/** The end of a line that is being typed is what its writer looks at. */
function endOf(line: string, columns: number): string {
  if (widthOf(line) <= columns) return line
  let end = Array.from(line)
  while (widthOf(end.join('')) > columns - 1) end = end.slice(1)
  return `…${end.join('')}`
}
