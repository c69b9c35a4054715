/**
 * Markdown that is rendered while it is being written. What has been shown is never shown again: the
 * words of a paragraph, the lines of a code block and the items of a list come out as soon as nothing
 * can change them any more, other blocks when they are whole.
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
  /** What closes it: so many of the character, or more. */
  close: RegExp
  indent: number
}

const glances = /[\s\u2e80-\ud7ff\uf900-\uffef]/g

type Kind = 'fence' | 'held' | 'paragraph' | 'undecided'

/** Past this a paragraph is not looked at for settled words: something in it was never closed. */
const unsettledMax = 4000

export class MarkdownStream {
  readonly #options: MarkdownStreamOptions
  /** What came and is not rendered. */
  #source = ''
  #fence: Fence | undefined
  #paragraph: LineSetter | undefined
  /** What was set last goes on without a space. */
  #isGlued = false
  #isFirst = true
  /** The last block was an item of a list; the next one of it follows without a gap. */
  #wasItem = false
  #carriageReturn = false

  constructor(options: MarkdownStreamOptions) {
    this.#options = options
  }

  push(delta: string): void {
    // A pair of return and line feed may come in two pieces.
    const text = (this.#carriageReturn ? '\r' : '') + delta
    this.#carriageReturn = text.endsWith('\r')
    this.#take(plain(this.#carriageReturn ? text.slice(0, -1) : text))
  }

  /**
   * Looks at what came only behind white space and ideographs. So what it sees follows from the text
   * alone and not from how the stream was cut, and the same text always looks the same.
   */
  #take(text: string): void {
    let from = 0
    for (const { index } of text.matchAll(glances)) {
      this.#source += text.slice(from, index + 1)
      from = index + 1
      while (this.#advance(false));
    }
    this.#source += text.slice(from)
  }

  /** Renders what is left. The next push begins a new text. */
  end(): void {
    this.#carriageReturn = false
    while (this.#source !== '' && this.#advance(true));
    this.#fence = undefined
    this.#endParagraph()
  }

  /** True where there may be more to do. */
  #advance(isLast: boolean): boolean {
    if (this.#fence !== undefined) return this.#codeLine(this.#fence, isLast)
    if (this.#paragraph !== undefined) return this.#words(this.#paragraph, isLast)
    const blank = /^(?:[ \t]*\n)+/.exec(this.#source)?.[0] ?? ''
    if (blank !== '') {
      this.#source = this.#source.slice(blank.length)
    }
    if (this.#source.trim() === '') return this.#nothing(isLast)
    switch (kindOf(this.#source, isLast)) {
      case 'undecided':
        return false
      case 'fence':
        return this.#openFence(isLast)
      case 'held':
        return this.#held(isLast)
      case 'paragraph':
        this.#gap()
        this.#wasItem = false
        this.#paragraph = new LineSetter(this.#options)
        return true
    }
  }

  #nothing(isLast: boolean): boolean {
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

  #held(isLast: boolean): boolean {
    const end = heldEnd(this.#source, isLast)
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

/** White space at the start of a line is none of the paragraph's words. */
const withoutMarks = (text: string) => text.replace(/\n[ \t]+/g, '\n')

const firstItem = /^ {0,3}(?:[-*+]|\d{1,9}[.)])[ \t]/
const heldPattern =
  /^(?: {0,3}(?:#{1,6}(?:\s|$)|>|[-*+](?:[ \t]|$)|\d{1,9}[.)](?:[ \t]|$)|\||<[a-z!/?]|\[[^\]\n]*\]:|([-*_])(?:[ \t]*\1){2,}[ \t]*(?:\n|$))| {4}|\t)/i

function kindOf(source: string, isLast: boolean): Kind {
  if (/^ {0,3}(?:```|~~~)/.test(source)) return 'fence'
  const line = source.split('\n', 1)[0] ?? ''
  const isWhole = line.length < source.length || isLast
  // The first characters say what a block is, once there are enough of them.
  if (!isWhole && /^ *(?:[#>*+\-_`~|<]+|\d{1,9}[.)]?|\[[^\]]*\]?)?$/.test(line)) return 'undecided'
  return heldPattern.test(source) ? 'held' : 'paragraph'
}

const interrupts =
  /^ {0,3}(?:```|~~~|#{1,6}[ \t]|>|[-*+][ \t]|1[.)][ \t]|([-*_])(?:[ \t]*\1){2,}[ \t]*$)/

/** Where a paragraph ends; or how much of it is known to belong to it. */
function paragraphEnd(source: string, isLast: boolean): { length: number; isEnd: boolean } {
  let at = source.indexOf('\n')
  while (at !== -1) {
    const end = source.indexOf('\n', at + 1)
    const line = source.slice(at + 1, end === -1 ? undefined : end)
    const isWhole = end !== -1 || isLast
    if ((isWhole && line.trim() === '') || interrupts.test(line)) return { length: at, isEnd: true }
    // Its first characters may yet make it something else.
    if (!isWhole && /^ *(?:[#>*+\-_`~]*|\d[.)]?)[ \t]*$/.test(line))
      return { length: at, isEnd: false }
    at = end
  }
  return { length: source.length, isEnd: isLast }
}

/** Where a block ends that is rendered as a whole; of a list, its first item. */
function heldEnd(source: string, isLast: boolean): number | undefined {
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
  // What is not indented behind an empty line is no part of the list; a lone digit may become an item.
  return afterBlank && /^\S/.test(line) && (isWhole || !/^(?:[-*+]|\d{1,9}[.)]?)$/.test(line))
}
