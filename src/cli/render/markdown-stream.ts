/**
 * Renders Markdown while it arrives. Rendered text never changes: the words of a paragraph, the
 * lines of a code block and the items of a list are written as soon as later text cannot change
 * them. Other blocks are written when they are complete.
 */
import { wordsOf } from './inline.ts'
import { LineSetter } from './line-setter.ts'
import { type MarkdownOptions } from './markdown-options.ts'
import { codeLine, markdownLines } from './markdown.ts'
import { plain } from './plain.ts'
import { settledLength } from './settled.ts'

export interface MarkdownStreamOptions extends MarkdownOptions {
  write: (text: string) => void
}

interface Fence {
  /** Matches the closing line: at least as many of the character as in the opening line. */
  close: RegExp
  indent: number
}

const checkpoints = /[\s\u2e80-\ud7ff\uf900-\uffef]/g

/** `whole` is a block that is rendered only when it is complete. */
type Kind = 'fence' | 'whole' | 'paragraph' | 'undecided'

/**
 * A longer paragraph contains markup that is never closed, so it is not searched for settled words.
 */
const unsettledMax = 4000

export class MarkdownStream {
  readonly #options: MarkdownStreamOptions
  /** The text that arrived and is not yet rendered. */
  #source = ''
  #fence: Fence | undefined
  #paragraph: LineSetter | undefined
  /** Whether the next text continues the last word without a space. */
  #isGlued = false
  #isFirst = true
  /** Whether the last block was an item of a list. The next item follows without an empty line. */
  #wasItem = false
  #carriageReturn = false

  constructor(options: MarkdownStreamOptions) {
    this.#options = options
  }

  push(delta: string): void {
    // A carriage return and its line feed may arrive in two deltas.
    const text = (this.#carriageReturn ? '\r' : '') + delta
    this.#carriageReturn = text.endsWith('\r')
    this.#take(plain(this.#carriageReturn ? text.slice(0, -1) : text))
  }

  /**
   * Renders only after white space and ideographs. The result therefore depends on the text alone
   * and not on the boundaries of the deltas.
   */
  #take(text: string): void {
    let from = 0
    for (const { index } of text.matchAll(checkpoints)) {
      this.#source += text.slice(from, index + 1)
      from = index + 1
      while (this.#advance(false));
    }
    this.#source += text.slice(from)
  }

  /** Renders the rest. The next push begins a new text. */
  end(): void {
    this.#carriageReturn = false
    while (this.#source !== '' && this.#advance(true));
    this.#fence = undefined
    this.#endParagraph()
  }

  /** Renders one piece. Returns true if more text may be ready. */
  #advance(isLast: boolean): boolean {
    if (this.#fence !== undefined) return this.#codeLine(this.#fence, isLast)
    if (this.#paragraph !== undefined) return this.#words(this.#paragraph, isLast)
    const blank = /^(?:[ \t]*\n)+/.exec(this.#source)?.[0] ?? ''
    if (blank !== '') {
      this.#source = this.#source.slice(blank.length)
    }
    if (this.#source.trim() === '') return this.#skipBlank(isLast)
    switch (kindOf(this.#source, isLast)) {
      case 'undecided':
        return false
      case 'fence':
        return this.#openFence(isLast)
      case 'whole':
        return this.#wholeBlock(isLast)
      case 'paragraph':
        this.#gap()
        this.#wasItem = false
        this.#paragraph = new LineSetter(this.#options)
        return true
    }
  }

  #skipBlank(isLast: boolean): boolean {
    if (isLast) this.#source = ''
    return false
  }

  #gap(): void {
    if (!this.#isFirst) this.#options.write('\n')
    this.#isFirst = false
  }

  #openFence(isLast: boolean): boolean {
    const match = /^( {0,3})(`{3,}|~{3,})[^\n]*(\n|$)/.exec(this.#source)
    if (match === null || (match[3] === '' && !isLast)) return false
    const [whole, indent = '', marks = ''] = match
    this.#gap()
    this.#wasItem = false
    this.#source = this.#source.slice(whole.length)
    const close = new RegExp(`^ {0,3}${marks.charAt(0)}{${marks.length},}[ \\t]*$`)
    this.#fence = { close, indent: indent.length }
    return true
  }

  #codeLine({ close, indent }: Fence, isLast: boolean): boolean {
    const end = this.#source.indexOf('\n')
    if (end === -1 && !isLast) return false
    const line = end === -1 ? this.#source : this.#source.slice(0, end)
    this.#source = end === -1 ? '' : this.#source.slice(end + 1)
    if (close.test(line)) this.#fence = undefined
    else {
      const inner = line.slice(Math.min(indent, line.length - line.trimStart().length))
      this.#options.write(`${codeLine(inner, this.#options.paint)}\n`)
    }
    return true
  }

  #words(paragraph: LineSetter, isLast: boolean): boolean {
    const end = paragraphEnd(this.#source, isLast)
    const known = end.length
    const text = this.#source.slice(0, known)
    const settled = end.isEnd ? known : known > unsettledMax ? 0 : settledLength(text)
    this.#addWords(paragraph, text.slice(0, settled))
    this.#source = this.#source.slice(settled)
    if (!end.isEnd) return false
    this.#endParagraph()
    return true
  }

  #addWords(paragraph: LineSetter, text: string): void {
    if (text === '') return
    const words = wordsOf(withoutMarks(text), this.#options.paint)
    const [first, ...others] = words
    const isGlued = this.#isGlued && !/^\s/.test(text)
    paragraph.add(first === undefined ? [] : [isGlued ? { ...first, isGlued } : first, ...others])
    this.#isGlued = !/\s$/.test(text)
  }

  #endParagraph(): void {
    this.#paragraph?.end()
    this.#paragraph = undefined
    this.#isGlued = false
  }

  #wholeBlock(isLast: boolean): boolean {
    const end = blockEnd(this.#source, isLast)
    if (end === undefined) return false
    const block = this.#source.slice(0, end)
    const isItem = firstItem.test(block)
    this.#source = this.#source.slice(end)
    if (!(isItem && this.#wasItem)) this.#gap()
    this.#wasItem = isItem
    for (const line of markdownLines(block, this.#options)) this.#options.write(`${line}\n`)
    return true
  }
}

/** White space at the start of a line does not belong to the words of a paragraph. */
const withoutMarks = (text: string) => text.replace(/\n[ \t]+/g, '\n')

const firstItem = /^ {0,3}(?:[-*+]|\d{1,9}[.)])[ \t]/
const wholePattern =
  /^(?: {0,3}(?:#{1,6}(?:\s|$)|>|[-*+](?:[ \t]|$)|\d{1,9}[.)](?:[ \t]|$)|\||<[a-z!/?]|\[[^\]\n]*\]:|([-*_])(?:[ \t]*\1){2,}[ \t]*(?:\n|$))| {4}|\t)/i

function kindOf(source: string, isLast: boolean): Kind {
  if (/^ {0,3}(?:```|~~~)/.test(source)) return 'fence'
  const line = source.split('\n', 1)[0] ?? ''
  const isWhole = line.length < source.length || isLast
  // The first characters decide the kind of a block, if enough of them have arrived.
  if (!isWhole && /^ *(?:[#>*+\-_`~|<]+|\d{1,9}[.)]?|\[[^\]]*\]?)?$/.test(line)) return 'undecided'
  return wholePattern.test(source) ? 'whole' : 'paragraph'
}

const interrupts =
  /^ {0,3}(?:```|~~~|#{1,6}[ \t]|>|[-*+][ \t]|1[.)][ \t]|([-*_])(?:[ \t]*\1){2,}[ \t]*$)/

/** The end of a paragraph, or the length of the text that certainly belongs to it. */
function paragraphEnd(source: string, isLast: boolean): { length: number; isEnd: boolean } {
  let at = source.indexOf('\n')
  while (at !== -1) {
    const end = source.indexOf('\n', at + 1)
    const line = source.slice(at + 1, end === -1 ? undefined : end)
    const isWhole = end !== -1 || isLast
    if ((isWhole && line.trim() === '') || interrupts.test(line)) return { length: at, isEnd: true }
    // Later characters may turn this line into another block.
    if (!isWhole && /^ *(?:[#>*+\-_`~]*|\d[.)]?)[ \t]*$/.test(line))
      return { length: at, isEnd: false }
    at = end
  }
  return { length: source.length, isEnd: isLast }
}

/** The end of a block that is rendered as a whole. For a list, the end of its first item. */
function blockEnd(source: string, isLast: boolean): number | undefined {
  const isList = firstItem.test(source)
  const isSingle = !isList && /^ {0,3}(?:#|([-*_])(?:[ \t]*\1){2,}[ \t]*\n)/.test(source)
  let fence: string | undefined
  let afterBlank = false
  let start = 0
  while (start < source.length) {
    const end = source.indexOf('\n', start)
    const line = source.slice(start, end === -1 ? undefined : end)
    const isWhole = end !== -1 || isLast
    if (start > 0 && fence === undefined) {
      const isOver = isList ? endsItem(line, { afterBlank, isWhole }) : endsBlock(line, afterBlank)
      if (isOver) return start
    }
    const marks = /^\s*(`{3,}|~{3,})/.exec(line)?.[1]
    if (marks !== undefined)
      fence = fence === undefined ? marks : line.trim() === fence ? undefined : fence
    if (end === -1) break
    start = end + 1
    if (isSingle) return start
    afterBlank = line.trim() === ''
  }
  return isLast ? source.length : undefined
}

const endsBlock = (line: string, afterBlank: boolean): boolean =>
  afterBlank || (line !== '' && /^ {0,3}(?:```|~~~|#{1,6}[ \t])/.test(line))

function endsItem(
  line: string,
  { afterBlank, isWhole }: { afterBlank: boolean; isWhole: boolean },
): boolean {
  if (line.trim() === '') return false
  if (/^ {0,1}(?:[-*+]|\d{1,9}[.)])[ \t]/.test(line)) return true
  if (/^(?:```|~~~|#{1,6}[ \t])/.test(line)) return true
  // A line without indent after an empty line ends the list. A single digit may still become an
  // item.
  return afterBlank && /^\S/.test(line) && (isWhole || !/^(?:[-*+]|\d{1,9}[.)]?)$/.test(line))
}
