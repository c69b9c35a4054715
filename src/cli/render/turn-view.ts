/**
 * Shows a turn while it happens: the answer on stdout, tools and thoughts on stderr, and a status line
 * that says what is being waited for and how long already.
 */
import type { AgentEvent, EventOf } from '../../event.ts'
import { MarkdownStream } from './markdown-stream.ts'
import { plain, plainLine } from './plain.ts'
import type { Screen } from './screen.ts'
import { callLine, outputLines, progressText } from './tool-lines.ts'

export interface TurnViewOptions {
  screen: Screen
  /** Thoughts too. */
  isVerbose: boolean
  /** False where stdout is for something else than the answer's words. */
  showsText: boolean
}

interface Running {
  toolName: string
  startedAt: number
  progress: string
}

export class TurnView {
  readonly #options: TurnViewOptions
  readonly #tools = new Map<string, Running>()
  #markdown: MarkdownStream | undefined
  #startedAt = performance.now()
  #lastText = ''
  #hasText = false
  #isThinking = false
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
    switch (event.type) {
      case 'text-start':
        return this.#beginText()
      case 'text-delta':
        return this.#text(event.delta)
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
    if (!showsText) return
    this.#hasText = true
    if (this.#markdown !== undefined) return this.#markdown.push(delta)
    // A program is given every byte, a terminal nothing that it would obey.
    screen.answer(screen.isTerminal ? plain(delta) : delta)
    if (delta !== '') this.#lastText = delta
  }

  #endText(): void {
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
    this.#tools.set(toolCallId, { toolName, startedAt: performance.now(), progress: '' })
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
    this.#result(toolCallId, outputLines(output, this.#options.screen), false)
  }

  #result(toolCallId: string, lines: readonly string[], isError: boolean): void {
    const { screen } = this.#options
    const running = this.#tools.get(toolCallId)
    this.#tools.delete(toolCallId)
    const { paint } = screen
    const shown = lines.flatMap((line) => line.split('\n')).slice(0, 60)
    const others = this.#tools.size > 0 && running !== undefined ? `${running.toolName}: ` : ''
    const time =
      running === undefined || performance.now() - running.startedAt < noticeableMs
        ? ''
        : elapsed(running.startedAt, 1)
    const [first = 'done', ...rest] = shown
    const said = isError ? paint('red', first) : first
    screen.note(
      `  ${paint('dim', '└')} ${paint('dim', others)}${said}${time === '' ? '' : paint('dim', ` (${time})`)}`,
    )
    for (const line of rest) screen.note(`    ${isError ? paint('red', line) : line}`)
    this.#startedAt = performance.now()
    this.#showStatus()
  }

  #showStatus(): void {
    this.#options.screen.status(() => this.#statusText())
  }

  #statusText(): string {
    const running = [...this.#tools.values()]
    const [first] = running
    if (first === undefined) {
      return `${this.#isThinking ? 'thinking' : 'waiting for the model'} ${elapsed(this.#startedAt)}`
    }
    const names = running.map(({ toolName }) => plainLine(toolName)).join(', ')
    const oldest = Math.min(...running.map(({ startedAt }) => startedAt))
    const progress = running.find(({ progress }) => progress !== '')?.progress
    return `${names} ${elapsed(oldest)}${progress === undefined ? '' : ` · ${progress}`}`
  }
}

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
