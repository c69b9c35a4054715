/**
 * Shows a turn while it happens: the answer on stdout, tools and thoughts on stderr, and a status line
 * that says what is being waited for and how long already.
 */
import type { AgentEvent, EventOf } from '../../event.ts'
import type { Gauge } from './gauge.ts'
import { MarkdownStream } from './markdown-stream.ts'
import { plain, plainLine } from './plain.ts'
import type { Screen } from './screen.ts'
import { callLine, callText, outputLines, progressText } from './tool-lines.ts'
import { WholeCharacters } from './whole-characters.ts'
import { cutTo, widthOf } from './width.ts'

export interface TurnViewOptions {
  screen: Screen
  /** Thoughts too. */
  isVerbose: boolean
  /** False where stdout is for something else than the answer's words. */
  showsText: boolean
  /** How full the context is and what was spent. */
  gauge: Gauge
}

interface Running {
  toolName: string
  /** The call in few words. */
  call: string
  startedAt: number
  progress: string
}

export class TurnView {
  readonly #options: TurnViewOptions
  readonly #tools = new Map<string, Running>()
  /** Several calls run, or ran, beside each other: each result says whose it is. */
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

  /** Something is awaited from now on. */
  begin(): void {
    this.#startedAt = performance.now()
    // A tool that was asked about begins now.
    for (const running of this.#tools.values()) running.startedAt = this.#startedAt
    this.#showStatus()
  }

  add(event: AgentEvent): void {
    this.#options.gauge.hear(event)
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
        return this.#options.screen.note('(The model began anew.)')
      default:
        return undefined
    }
  }

  /** The human has the screen until `begin`. What was not finished is shown as it is. */
  pause(): void {
    this.#endText()
    this.#endThought()
    this.#options.screen.status(undefined)
  }

  /** Nothing more comes. */
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
    // A program is given every byte, a terminal nothing that it would obey.
    screen.answer(screen.isTerminal ? plain(delta) : delta)
    this.#lastText = delta
  }

  #endText(): void {
    this.#text(this.#characters.end())
    this.#isWriting = false
    this.#markdown?.end()
    this.#markdown = undefined
    // What follows, another text or the shell's prompt, begins on a line of its own.
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
    for (const line of thought.split('\n')) screen.note(screen.paint(['dim', 'italic'], line))
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
    const reserve = timeWidth + (this.#isParallel ? widthOf(running?.call ?? '') + 2 : 0)
    this.#result(toolCallId, outputLines(output, { width: width - reserve, paint }), false)
  }

  #result(toolCallId: string, lines: readonly string[], isError: boolean): void {
    const { screen } = this.#options
    const running = this.#tools.get(toolCallId)
    this.#tools.delete(toolCallId)
    const { paint } = screen
    const whole = lines.flatMap((line) => line.split('\n'))
    const shown = whole.filter((line) => line.trim() !== '').slice(0, 60)
    const whose = this.#isParallel && running !== undefined ? `${running.call}: ` : ''
    const time =
      running === undefined || performance.now() - running.startedAt < noticeableMs
        ? ''
        : elapsed(running.startedAt, 1)
    const [first = 'done', ...rest] = shown
    // What failed is said in one line, the only one or the last. The others are a command's output.
    const said = isError ? paint(rest.length === 0 ? 'red' : 'dim', first) : first
    screen.note(
      `  ${paint(isError ? 'red' : 'dim', '└')} ${paint('dim', whose)}${said}${time === '' ? '' : paint('dim', ` (${time})`)}`,
    )
    rest.forEach((line, index) => {
      const style = index === rest.length - 1 ? 'red' : 'dim'
      screen.note(`    ${isError ? paint(style, line) : line}`)
    })
    this.#startedAt = performance.now()
    this.#showStatus()
  }

  #showStatus(): void {
    this.#options.screen.status((columns) => this.#statusText(columns))
  }

  /** What goes on; then what Ctrl-C does, and, where there is room, the context and the cost. */
  #statusText(columns: number): string {
    const { what, time, progress } = this.#activity(columns < narrow)
    const stop = ' · Ctrl-C stops'
    const activity = widthOf(what) + time.length + (progress === '' ? 0 : progressMin)
    const gauge = this.#options.gauge.text(columns - activity - stop.length - separator.length)
    const tail = gauge === '' ? stop : stop + separator + gauge
    const room = columns - widthOf(tail)
    // The time stays, however much else is going on.
    return cutTo(cutTo(what, room - time.length) + time + progress, room) + tail
  }

  #activity(isNarrow: boolean): { what: string; time: string; progress: string } {
    const running = [...this.#tools.values()]
    const [first] = running
    if (first === undefined) {
      const waiting = isNarrow ? 'waiting' : 'waiting for the model'
      const what = this.#isThinking ? 'thinking' : waiting
      const time = ` ${elapsed(this.#startedAt)}`
      return { what: this.#isWriting ? 'answering' : what, time, progress: '' }
    }
    const what = running.map(({ toolName }) => plainLine(toolName)).join(', ')
    const oldest = Math.min(...running.map(({ startedAt }) => startedAt))
    const progress = running.find(({ progress }) => progress !== '')?.progress
    return {
      what,
      time: ` ${elapsed(oldest)}`,
      progress: progress === undefined ? '' : separator + progress,
    }
  }
}

const separator = ' · '

/** Fewer columns have no room for long words. */
const narrow = 50

/** Columns that the context and the cost leave to what a tool reports. */
const progressMin = 20

/** Columns that the time of a call may take behind the first line of its result. */
const timeWidth = 10

/** How long something takes that is worth telling. */
const noticeableMs = 100

/** `0.1 s`, `12 s`, `3 min 5 s`. */
function elapsed(startedAt: number, digits = 0): string {
  return duration(performance.now() - startedAt, digits)
}

function duration(ms: number, digits = 0): string {
  const seconds = ms / 1000
  if (seconds < 60) return `${seconds.toFixed(seconds < 10 ? digits : 0)} s`
  return `${Math.floor(seconds / 60)} min ${Math.floor(seconds % 60)} s`
}
