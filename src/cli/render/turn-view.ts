/**
 * Shows a turn while it runs: the answer on stdout, tools and thoughts on stderr, and a status line
 * with the current activity and its time.
 */
import type { AgentEvent, EventOf } from '../../event.ts'
import { elapsedText } from './elapsed-text.ts'
import type { Gauge } from './gauge.ts'
import { MarkdownStream } from './markdown-stream.ts'
import { plain } from './plain.ts'
import type { Screen } from './screen.ts'
import { callLine, callText, outputLines, progressText } from './tool-lines.ts'
import { WholeCharacters } from './whole-characters.ts'
import { cutTo, widthOf } from './width.ts'
import { type Activity, type RunningTool, workingLine } from './working-line.ts'

export interface TurnViewOptions {
  screen: Screen
  /** Whether to show thoughts. */
  isVerbose: boolean
  /** Whether to write the text of the answer to stdout. False for JSON output. */
  showsText: boolean
  /** The used context and the cost. */
  gauge: Gauge
  /** Reads the tasks of the calls that run. */
  tasks: { lines: (columns: number, toolCallIds: ReadonlySet<string>) => string[] }
}

interface RunningCall extends RunningTool {
  /** The call as a short text. */
  call: string
}

export class TurnView {
  readonly #options: TurnViewOptions
  readonly #tools = new Map<string, RunningCall>()
  /** Whether several calls run or ran in parallel. Then each result begins with its call. */
  #isParallel = false
  readonly #characters = new WholeCharacters()
  #markdown: MarkdownStream | undefined
  #startedAt = performance.now()
  #lastText = ''
  #hasText = false
  #isThinking = false
  #isWriting = false
  #thought = ''

  constructor(options: TurnViewOptions) {
    this.#options = options
  }

  /** Begins to show the turn, also after `pause`. */
  begin(): void {
    this.#startedAt = performance.now()
    // A tool that needed an approval begins now.
    for (const running of this.#tools.values()) running.startedAt = this.#startedAt
    this.#showStatus()
  }

  add(event: AgentEvent): void {
    this.#options.gauge.add(event)
    switch (event.type) {
      case 'text-start':
        return this.#beginText()
      case 'text-delta':
        return this.#text(this.#characters.take(event.delta))
      case 'text-end':
        return this.#endText()
      case 'reasoning-start':
        this.#isThinking = true
        return undefined
      case 'reasoning-delta':
        return this.#think(event.delta)
      case 'reasoning-end':
        return this.#endThought()
      case 'tool-input-available':
      case 'tool-input-error':
        return this.#call(event)
      case 'tool-output-available':
        return this.#output(event)
      case 'tool-output-error':
        return this.#result(event.toolCallId, [plain(event.errorText)], true)
      case 'tool-output-denied':
        return this.#result(event.toolCallId, ['not allowed'], true)
      case 'start-step':
        this.#startedAt = performance.now()
        return this.#showStatus()
      case 'reset-step':
        this.#endText()
        return this.#options.screen.note('(The model began again.)')
      default:
        return undefined
    }
  }

  /** Shows incomplete text and leaves the screen to the human until `begin`. */
  pause(): void {
    this.#endText()
    this.#endThought()
    this.#options.screen.status(undefined)
  }

  /** Ends the view. No more events follow. */
  end(): void {
    this.pause()
    this.#tools.clear()
  }

  #beginText(): void {
    this.#isWriting = true
    const { screen, showsText } = this.#options
    if (!showsText) return
    if (this.#hasText && screen.isRendered) screen.answer('\n')
    if (!screen.isRendered) return
    this.#markdown = new MarkdownStream({
      width: screen.width,
      paint: screen.paintAnswer,
      write: (text) => screen.answer(text),
    })
  }

  #text(delta: string): void {
    const { screen, showsText } = this.#options
    if (!showsText || delta === '') return
    this.#hasText = true
    if (this.#markdown !== undefined) return this.#markdown.push(delta)
    // A program gets every byte. A terminal gets no control characters.
    screen.answer(screen.isTerminal ? plain(delta) : delta)
    this.#lastText = delta
  }

  #endText(): void {
    this.#text(this.#characters.end())
    this.#isWriting = false
    this.#markdown?.end()
    this.#markdown = undefined
    // The next text or the prompt of the shell begins on a new line.
    if (this.#lastText !== '' && !this.#lastText.endsWith('\n')) this.#options.screen.answer('\n')
    this.#lastText = ''
    this.#showStatus()
  }

  #think(delta: string): void {
    if (this.#options.isVerbose) this.#thought += delta
  }

  #endThought(): void {
    this.#isThinking = false
    const { screen } = this.#options
    const thought = plain(this.#thought).trim()
    this.#thought = ''
    if (thought === '') return
    for (const line of screen.breakLines(thought))
      screen.note(screen.paint(['dim', 'italic'], line))
  }

  #call(event: EventOf<'tool-input-available' | 'tool-input-error'>): void {
    const { screen } = this.#options
    const { toolCallId, toolName } = event
    if (this.#tools.size === 0) this.#isParallel = false
    else this.#isParallel = true
    const call = callText(event)
    this.#tools.set(toolCallId, { toolName, call, startedAt: performance.now(), progress: '' })
    screen.note(callLine(event, screen))
    if (event.type === 'tool-input-error') this.#result(toolCallId, [plain(event.errorText)], true)
    this.#showStatus()
  }

  #output({ toolCallId, output, preliminary }: EventOf<'tool-output-available'>): void {
    const running = this.#tools.get(toolCallId)
    if (preliminary === true) {
      if (running !== undefined) running.progress = progressText(output)
      return
    }
    const { width, paint } = this.#options.screen
    const room = width - indent.length - timeWidth
    const labelWidth = widthOf(this.#label(running))
    // If the label is long, the result is shown below it.
    const reserve = timeWidth + (room - labelWidth < besideMin ? 0 : labelWidth)
    this.#result(toolCallId, outputLines(output, { width, reserve, paint }), false)
  }

  /** The call before its result, if several calls run in parallel. */
  #label(running: RunningCall | undefined): string {
    if (!this.#isParallel || running === undefined) return ''
    return `${cutTo(running.call, this.#options.screen.width - indent.length - 2)}: `
  }

  #result(toolCallId: string, lines: readonly string[], isError: boolean): void {
    const { screen } = this.#options
    const { paint, width } = screen
    const running = this.#tools.get(toolCallId)
    this.#tools.delete(toolCallId)
    const whole = lines.flatMap((line) => line.split('\n'))
    const [first = 'done', ...rest] = whole.filter((line) => line.trim() !== '').slice(0, 60)
    const time = timeOf(running)
    const content = isError
      ? this.#failure([first, ...rest], time)
      : [`${first}${paint('dim', time)}`, ...rest]
    const mark = `  ${paint(isError ? 'red' : 'dim', '└')} `
    const label = this.#label(running)
    const [head = ''] = content
    const isBeside = indent.length + widthOf(label) + widthOf(head) <= width
    const shown = isBeside ? content : [paint('dim', label.trimEnd()), ...content]
    shown.forEach((line, index) => {
      const before = isBeside ? paint('dim', label) : ''
      screen.note(index === 0 ? `${mark}${before}${line}` : `${indent}${line}`)
    })
    this.#startedAt = performance.now()
    this.#showStatus()
  }

  /**
   * The lines of a failure. The last line is the error. The lines before it are the output of a
   * command.
   */
  #failure(lines: readonly string[], time: string): string[] {
    const { screen } = this.#options
    return lines.flatMap((line, index) => {
      const end = index === 0 ? time : ''
      const set = screen.breakLines(line, '', indent.length + end.length)
      const style = index === lines.length - 1 ? 'red' : 'dim'
      return set.map((text, at) => screen.paint(style, at === set.length - 1 ? text + end : text))
    })
  }

  get #activity(): Activity {
    const model = this.#isWriting ? 'answering' : this.#isThinking ? 'thinking' : 'waiting'
    return { model, startedAt: this.#startedAt, tools: [...this.#tools.values()] }
  }

  #showStatus(): void {
    const { screen, gauge, tasks } = this.#options
    screen.status(
      (columns) => workingLine(this.#activity, { columns, gauge }),
      (columns) => tasks.lines(columns, new Set(this.#tools.keys())),
    )
  }
}

/** Columns for the time of a call after the first line of its result. */
const timeWidth = 10

/** The least number of columns for a result on the line of its call. */
const besideMin = 16

/** The text before the lines of a result. */
const indent = '    '

/** ` (0.1 s)`, or an empty text for a call that took less than `noticeableMs`. */
function timeOf(running: RunningCall | undefined): string {
  if (running === undefined || performance.now() - running.startedAt < noticeableMs) return ''
  return ` (${elapsedText(running.startedAt, 1)})`
}

/** The shortest time that is shown. */
const noticeableMs = 100
