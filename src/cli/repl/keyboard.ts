/**
 * Passes the keys of a terminal to one reader at a time. While a line is edited, this is the line.
 * During an answer, it is the handler of Ctrl-C, and the other keys wait for the next line. A
 * bracketed paste of several lines is one part of the line and not several messages.
 */
import { createInterface, type Interface } from 'node:readline'
import { StringDecoder } from 'node:string_decoder'

import type { Terminal } from '../terminal.ts'
import { CursorReport } from './cursor-report.ts'
import { HistorySearch } from './history-search.ts'
import { halfMark, harmless, hasSuspendKey, isFirst, suspendKey, whole } from './key-text.ts'
import { LineFeed } from './line-feed.ts'
import type { LineRead, ReadOptions } from './line-read.ts'
import { PastedText } from './pasted-text.ts'
import { pasteEnd, pasteStart, QuestionGuard } from './question-guard.ts'

interface Reader {
  feed: LineFeed
  lines: Interface
  /** Ends the reading for Ctrl-G or Ctrl-R. Undefined if the line has neither. */
  leaveFor: ((key: string) => void) | undefined
}

/** Lines that are probably answers to a question, and the beginning of such a line. */
const answers = /^(?:\s*(?:y+|yes|a+|always|n+|no)?[\r\n]+)+/i
const answer = /^\s*(?:y+|a|n)$/i
const interruptKey = '\u0003'
/** Ctrl-G as in other agents for the terminal. Ctrl-R as in shells. */
const editKey = '\u0007'
const searchKey = '\u0012'
const leavingKeys = new RegExp(`[${editKey}${searchKey}]`)
const backspace = '\u007f'
/** The largest text that is typed ahead or pasted. */
const charactersMax = 1024 * 1024

export class Keyboard {
  readonly #terminal: Terminal
  readonly #decoder = new StringDecoder('utf8')
  /** The keys that no reader has received yet. */
  #pending = ''
  /** The text of an incomplete paste. */
  #paste: string | undefined
  readonly #pasted = new PastedText()
  #reader: Reader | undefined
  #guard: QuestionGuard | undefined
  #search: HistorySearch | undefined
  /** Receives the result of the search. */
  #onFound: ((text: string) => void) | undefined
  readonly #report: CursorReport
  #isOpen = false
  #isEnded = false
  #onInterrupt: (() => void) | undefined
  /** Receives all keys that wait for the next line, after each key. */
  onTyped: ((keys: string) => void) | undefined
  /** Erases the text below the cursor. It is called before Ctrl-Z stops the process. */
  onSuspend: (() => void) | undefined

  constructor(terminal: Terminal) {
    this.#terminal = terminal
    const { output, hasControls } = terminal
    this.#report = new CursorReport(hasControls ? (text) => output.write(text) : undefined)
  }

  /**
   * Handles Ctrl-C while no line is read. Without a handler, the next reader receives it. The
   * handler also receives a Ctrl-C that was typed directly after Enter.
   */
  set onInterrupt(handler: (() => void) | undefined) {
    this.#onInterrupt = handler
    if (handler !== undefined && this.#reader === undefined) this.#typeAhead()
  }

  /** Whether Ctrl-C waits for the next line. Removes it and the keys before it. */
  takeInterrupt(): boolean {
    const last = this.#pending.lastIndexOf(interruptKey)
    this.#pending = this.#pending.slice(last + 1)
    return last !== -1
  }

  /** Detects whether the terminal sends position reports, before the first question needs one. */
  probe(): void {
    this.#report.ask()
  }

  /** The keys that wait for the next line. */
  get ahead(): string {
    return this.#pending
  }

  /** Starts to read keys, in raw mode. */
  open(): void {
    if (this.#isOpen) return
    this.#isOpen = true
    const { input, output } = this.#terminal
    input.setRawMode(true)
    input.on('data', this.#take).on('end', this.#end).on('error', this.#end).resume()
    output.write('\u001b[?2004h')
  }

  /** Stops reading keys and restores the mode of the terminal. */
  close(): void {
    if (!this.#isOpen) return
    this.#isOpen = false
    const { input, output } = this.#terminal
    input.off('data', this.#take).off('end', this.#end).off('error', this.#end).pause()
    if (!input.destroyed) input.setRawMode(false)
    output.write('\u001b[?2004l')
  }

  /** Reads one line. Only one at a time. */
  async read(prompt: string, options: ReadOptions = {}): Promise<LineRead> {
    if (this.#isEnded) return { type: 'end' }
    this.open()
    if (options.isQuestion !== true) return this.#readLine(prompt, options)
    // Keys before the question belong to the next message, but those like an answer are dropped.
    let ahead = this.#pending
    this.#pending = ''
    const isPasting = this.#paste !== undefined
    if (isPasting) ahead += pasteStart + (this.#paste ?? '')
    this.#paste = undefined
    const guard = new QuestionGuard({ report: this.#report, isPasting, signal: options.signal })
    this.#guard = guard
    const result = await guard.wait()
    this.#guard = undefined
    if (result !== 'interrupt') ahead += guard.typed.slice(isPasting ? pasteStart.length : 0)
    try {
      if (this.#isEnded) return { type: 'end' }
      if (result === 'left') return { type: 'left', text: '' }
      if (result === 'interrupt') return { type: 'interrupt' }
      options.draw?.()
      return await this.#readLine(prompt, options)
    } finally {
      // Keys after the answer do not answer the next question.
      this.#pending = ahead.replace(answers, '').replace(answer, '')
    }
  }

  async #readLine(prompt: string, options: ReadOptions): Promise<LineRead> {
    const { signal, history = [], text = '', completer } = options
    const feed = new LineFeed()
    const lines = createInterface({
      input: feed,
      output: this.#terminal.output,
      terminal: true,
      prompt,
      history: history.map((entry) => this.#pasted.historyText(entry)),
      historySize: 1000,
      removeHistoryDuplicates: true,
      ...(completer !== undefined && { completer }),
    })
    const { promise, resolve } = Promise.withResolvers<LineRead>()
    const leave = () => resolve({ type: 'left', text: whole(lines.line) })
    lines.once('line', (line) => resolve({ type: 'line', text: this.#pasted.expand(whole(line)) }))
    const closed = () => resolve({ type: 'end' })
    lines.once('close', closed)
    lines.on('SIGINT', () => {
      if (lines.line === '') return resolve({ type: 'interrupt' })
      lines.write(null, { ctrl: true, name: 'e' })
      lines.write(null, { ctrl: true, name: 'u' })
    })
    signal?.addEventListener('abort', leave, { once: true })
    if (signal?.aborted === true) leave()
    const leaveFor = (key: string) => {
      this.#reader = undefined
      const line = this.#pasted.expand(whole(lines.line))
      if (key === editKey) return resolve({ type: 'edit', text: line })
      this.#onFound = (found) => resolve({ type: 'found', text: found })
      this.#search = new HistorySearch(history, line)
      const typed = this.#pending
      this.#pending = ''
      this.#takeSearch(this.#search, typed)
    }
    this.#reader = { feed, lines, leaveFor: completer === undefined ? undefined : leaveFor }
    // Removed at once, because the keys after the line in the same chunk belong to the next reader.
    lines.once('line', () => (this.#reader = undefined))
    lines.prompt()
    if (text !== '') lines.write(this.#pasted.insertText(text))
    this.#pump()
    const read = await promise
    this.#reader = undefined
    signal?.removeEventListener('abort', leave)
    lines.off('close', closed)
    lines.close()
    const isOver = read.type === 'end' || read.type === 'interrupt'
    if (read.type !== 'line') this.#terminal.output.write(isOver ? '\n' : '\r\u001b[J')
    return read
  }

  readonly #end = (): void => {
    this.#isEnded = true
    this.#reader?.lines.close()
  }

  readonly #take = (chunk: Buffer | string): void => {
    const all = typeof chunk === 'string' ? chunk : this.#decoder.write(chunk)
    const keys = this.#report.take(all)
    const isSuspending = this.#paste === undefined && hasSuspendKey(keys)
    const text = isSuspending ? keys.replaceAll(suspendKey, '') : keys
    if (isSuspending) this.#suspend()
    if (this.#guard !== undefined) return this.#guard.take(text)
    if (this.#search !== undefined) return this.#takeSearch(this.#search, text)
    this.#pending = (this.#pending + text).slice(-charactersMax)
    this.#pump()
  }

  #takeSearch(search: HistorySearch, keys: string): void {
    const end = search.take(keys)
    const { output } = this.#terminal
    if (end === undefined) {
      output.write(`\r\u001b[J${search.line(output.columns ?? 80)}`)
      return
    }
    output.write('\r\u001b[J')
    this.#search = undefined
    this.#pending = end.rest + this.#pending
    this.#onFound?.(end.text)
  }

  /** Stops the process, which raw mode prevents. The shell gets the terminal in its normal mode. */
  #suspend(): void {
    const { input, output, suspend } = this.#terminal
    this.onSuspend?.()
    input.setRawMode(false)
    output.write('\u001b[?2004l\n')
    suspend(() => {
      if (!this.#isOpen) return
      input.setRawMode(true)
      output.write('\u001b[?2004h')
      this.#reader?.lines.prompt(true)
    })
  }

  #pump(): void {
    while (this.#pending !== '') {
      if (this.#paste !== undefined) {
        if (!this.#takePaste()) return
      } else if (this.#reader === undefined) {
        this.#typeAhead()
        return
      } else if (!this.#takeKeys(this.#reader)) return
    }
  }

  /** Handles keys without a reader. Only Ctrl-C has an effect, and it drops the keys before it. */
  #typeAhead(): void {
    const onInterrupt = this.#onInterrupt
    const last = this.#pending.lastIndexOf(interruptKey)
    if (last === -1 || onInterrupt === undefined) return this.onTyped?.(this.#pending)
    const count = this.#pending.split(interruptKey).length - 1
    this.#pending = this.#pending.slice(last + 1)
    this.onTyped?.(this.#pending)
    for (let index = 0; index < count; index++) onInterrupt()
  }

  /** Passes keys on, up to the end of the line. Returns false if more keys must arrive first. */
  #takeKeys({ feed, lines, leaveFor }: Reader): boolean {
    const start = this.#pending.indexOf(pasteStart)
    const enter = this.#pending.search(/[\r\n]/)
    const leaving = leaveFor === undefined ? -1 : this.#pending.search(leavingKeys)
    if (leaveFor !== undefined && leaving !== -1 && isFirst(leaving, [start, enter])) {
      const key = this.#pending.charAt(leaving)
      feed.give(this.#pending.slice(0, leaving))
      this.#pending = this.#pending.slice(leaving + 1)
      leaveFor(key)
      return false
    }
    if (start !== -1 && (enter === -1 || start < enter)) {
      feed.give(this.#pending.slice(0, start))
      this.#pending = this.#pending.slice(start + pasteStart.length)
      this.#paste = ''
      return true
    }
    const end = enter === -1 ? this.#pending.length - halfMark(this.#pending) : enter + 1
    if (end === 0) return false
    const keys = this.#pending.slice(0, end)
    this.#pending = this.#pending.slice(end)
    feed.give(
      keys === backspace
        ? backspace.repeat(this.#pasted.backspaceLength(lines.line.slice(0, lines.cursor)))
        : keys,
    )
    return true
  }

  #takePaste(): boolean {
    const end = this.#pending.indexOf(pasteEnd)
    const taken = end === -1 ? this.#pending.length - halfMark(this.#pending) : end
    this.#paste = ((this.#paste ?? '') + this.#pending.slice(0, taken)).slice(0, charactersMax)
    this.#pending = this.#pending.slice(end === -1 ? taken : end + pasteEnd.length)
    if (end === -1) return false
    const text = harmless(this.#paste.replace(/\r\n?/g, '\n'))
    this.#paste = undefined
    this.#reader?.lines.write(this.#pasted.insertText(text))
    return true
  }
}
