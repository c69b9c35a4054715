/**
 * Asks the human at the terminal for the answers that a turn waits for: approvals of tool calls,
 * and answers to questions of the model. Without a terminal, the model reads that no human is
 * present.
 */
import { fieldsOf, textField } from '../ground/fields.ts'
import type { FoldedMessage, FoldedPart } from '../message-fold.ts'
import { pendingParts } from '../session/pending-parts.ts'
import type { Answer } from '../store/letter.ts'
import type { Grants } from './approval.ts'
import { nameOf, ownNameOf } from './call-name.ts'
import { prefixOf } from './command-prefix.ts'
import { plain, plainLine, visibleLine } from './render/plain.ts'
import type { Screen } from './render/screen.ts'
import { isInCallLine, requestLines } from './render/tool-lines.ts'
import { widthOf } from './render/width.ts'
import type { LineRead, ReadOptions } from './repl/line-read.ts'

export interface LineReader {
  read(prompt: string, options?: ReadOptions): Promise<LineRead>
}

export interface HumanOptions {
  screen: Screen
  grants: Grants
  /** Undefined without a terminal. */
  lines: LineReader | undefined
  /** Whether no other client can answer. Then a call of a tool of another client fails at once. */
  isAlone: boolean
}

export class Human {
  readonly #options: HumanOptions

  constructor(options: HumanOptions) {
    this.#options = options
  }

  /**
   * Asks for the answers to the open calls of a message. Undefined if the human refuses to answer
   * (Ctrl-C).
   */
  async answers(message: FoldedMessage, signal: AbortSignal): Promise<Answer[] | undefined> {
    const answers: Answer[] = []
    const waiting = pendingParts(message)
    const decisions = waiting.filter(({ state }) => state === 'approval-requested')
    for (const part of waiting) {
      const place = {
        number: decisions.indexOf(part) + 1,
        count: decisions.length,
        isLast: waiting.length === 1 && part === message.parts.at(-1),
      }
      const answer =
        part['state'] === 'approval-requested'
          ? await this.#decision(part, place, signal)
          : await this.#output(part, signal)
      if (answer === undefined) return undefined
      if (answer !== 'not-ours') answers.push(answer)
    }
    return answers
  }

  async #decision(
    part: FoldedPart,
    { number, count, isLast }: QuestionPosition,
    signal: AbortSignal,
  ): Promise<Answer | undefined> {
    const { screen, grants, lines } = this.#options
    const toolName = nameOf(part)
    const ownName = ownNameOf(part)
    const approvalId = textField(part['approval'], 'id') ?? ''
    const decide = (approved: boolean, reason?: string): Answer => ({
      type: 'approval',
      approvalId,
      approved,
      ...(reason !== undefined && { reason }),
    })
    if (grants.allows(toolName, part['input']) || grants.allows(ownName, part['input']))
      return decide(true)
    if (lines === undefined) {
      const line = `loom: ${plainLine(toolName)} was refused: nobody is here to allow it (--allow ${plainLine(toolName)}, or --yes).`
      screen.note(screen.paint('yellow', line))
      return decide(false, 'Nobody is at the terminal to allow it.')
    }
    const call = { toolName, input: part['input'] }
    const name = screen.paint('bold', plainLine(toolName))
    // The line of a single call that was drawn last is directly above. Any other call is shown
    // again in full.
    const isAbove = count === 1 && isLast && isInCallLine(call, screen) && !screen.isQuiet
    if (count > 1) screen.error(`${name} ${screen.paint('dim', `(${number} of ${count})`)}`)
    if (!isAbove) for (const line of requestLines(call, screen)) screen.error(line)
    const hint = `(y)es, (a)lways${alwaysText(part['input'])}, (n)o, or say why not`
    const whole = `Allow ${name}? ${screen.paint('dim', hint)} › `
    const isNarrow = widthOf(whole) > screen.columns - answerColumns
    if (isNarrow)
      for (const line of screen.breakLines(hint)) screen.error(screen.paint('dim', line))
    const prompt = isNarrow ? `Allow ${name}? › ` : whole
    const read = await lines.read(prompt, { signal, isQuestion: true })
    if (read.type !== 'line') return undefined
    const reply = read.text.trim()
    if (/^(?:y|yes)$/i.test(reply)) return decide(true)
    if (/^(?:a|always)$/i.test(reply)) {
      grants.add(ownName, part['input'])
      return decide(true)
    }
    return decide(
      false,
      /^(?:n|no)?$/i.test(reply) ? 'The user said no.' : `The user said no: ${reply}`,
    )
  }

  async #output(part: FoldedPart, signal: AbortSignal): Promise<Answer | 'not-ours' | undefined> {
    const { lines, screen, isAlone } = this.#options
    const toolCallId = String(part['toolCallId'])
    const failed = (errorText: string): Answer => ({ type: 'output-error', toolCallId, errorText })
    const { question, options, default: fallback } = fieldsOf(part['input'])
    if (typeof question !== 'string') {
      if (isAlone) return failed('This client has no such tool.')
      screen.note(screen.paint('yellow', `loom: ${plainLine(nameOf(part))} is for another client.`))
      return 'not-ours'
    }
    if (lines === undefined) {
      screen.note(screen.paint('yellow', `loom: nobody is here to answer: ${plainLine(question)}`))
      return failed('No human is here to be asked.')
    }
    const choices = Array.isArray(options) ? options.map(String) : []
    const draw = () => {
      for (const line of screen.breakLines(plain(question)))
        screen.error(screen.paint('bold', line))
      choices.forEach((choice, index) => {
        const lines = screen.breakLines(`  ${index + 1}. ${plainLine(choice)}`, '     ')
        for (const line of lines) screen.error(line)
      })
    }
    const usual = typeof fallback === 'string' ? fallback : undefined
    const hint = usual === undefined ? '' : screen.paint('dim', ` (${plainLine(usual)})`)
    for (let isFirst = true; ; isFirst = false) {
      const options = isFirst ? { signal, isQuestion: true, draw } : { signal }
      const read = await lines.read(`answer${hint} › `, options)
      if (read.type !== 'line') return undefined
      const reply = read.text.trim()
      const choice = /^\d+$/.test(reply) ? choices[Number(reply) - 1] : undefined
      const output = choice ?? (reply === '' ? usual : reply)
      if (output !== undefined) return { type: 'output', toolCallId, output }
    }
  }
}

/** Columns that a prompt leaves free for the answer. */
const answerColumns = 10

/** The commands that "always" would allow. Empty if it allows every call of the tool. */
function alwaysText(input: unknown): string {
  const command = textField(input, 'command')
  if (command === undefined) return ''
  const prefix = prefixOf(command)
  return prefix === undefined ? ' this one' : ` ${visibleLine(prefix)} …`
}

/** The position of a call among the calls that wait for a decision. */
interface QuestionPosition {
  number: number
  count: number
  /** Whether nothing was drawn after its line, and no other question was asked. */
  isLast: boolean
}
