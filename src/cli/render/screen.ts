/**
 * The two streams of a command as one picture: answers go to stdout, everything else to stderr, and
 * where both are the same terminal they must not run into each other. A status line lives below what
 * was written and is wiped before anything else is.
 */
import type { Environment } from '../../config.ts'
import { fullPaint, isStyled, noPaint, type Paint } from './style.ts'
import { cutTo } from './width.ts'

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
  #timer: NodeJS.Timeout | undefined

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
    return Math.max(20, Math.min(stdout.columns ?? stderr.columns ?? 80, widthMax))
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
    if (this.isTerminal) this.#isMidLine = !text.endsWith('\n')
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
  }

  /** Ends the line of a terminal that holds unfinished text. */
  endLine(): void {
    if (!this.#isMidLine) return
    this.#isMidLine = false
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
      return
    }
    this.#status = { text, frame: this.#status?.frame ?? 0 }
    this.#timer ??= setInterval(() => this.#draw(), spinnerMs).unref()
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
    if (this.#status === undefined || this.#isMidLine) return
    const { text } = this.#status
    const frame = frames[this.#status.frame++ % frames.length] ?? ''
    const { stderr } = this.#options
    const columns = (stderr.columns ?? 80) - 3
    const line = cutTo(text(columns), columns)
    stderr.write(`\r${this.paint('cyan', frame)} ${this.paint('dim', line)}\u001b[K`)
    this.#isStatusShown = true
  }

  #wipe(): void {
    if (!this.#isStatusShown) return
    this.#isStatusShown = false
    this.#options.stderr.write('\r\u001b[K')
  }
}
