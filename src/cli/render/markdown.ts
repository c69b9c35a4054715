/** Renders complete blocks of Markdown as lines of a given width. */
import type { Token, Tokens } from 'marked'

import { wordsOf, wordsOfTokens } from './inline.ts'
import { linesOf } from './line-setter.ts'
import type { MarkdownOptions } from './markdown-options.ts'
import { blockTokens } from './own-markdown.ts'
import type { Format, Paint } from './style.ts'
import { tableLines } from './table.ts'
import { widthOf } from './width.ts'

/** @param source Markdown without control characters */
export function markdownLines(source: string, options: MarkdownOptions): string[] {
  return blocks(blockTokens(source), options)
}

function blocks(tokens: readonly Token[], options: MarkdownOptions): string[] {
  const parts = tokens.map((token) => blockLines(token, options)).filter(({ length }) => length > 0)
  return parts.flatMap((lines, index) => (index === 0 ? lines : ['', ...lines]))
}

function blockLines(token: Token, options: MarkdownOptions): string[] {
  const { width, paint } = options
  switch (token.type) {
    case 'space':
    case 'def':
      return []
    case 'heading':
      return headingLines(token, options)
    case 'code':
      return codeLines(String(token['text']), paint)
    case 'blockquote':
      return quoteLines(token, options)
    case 'list':
      return isList(token) ? listLines(token, options) : []
    case 'table':
      return isTable(token) ? tableLines(token, options) : []
    case 'hr':
      return [paint('dim', '─'.repeat(Math.min(width, 40)))]
    case 'html':
      return token.raw.trimEnd().split('\n')
    default:
      return linesOf(
        'tokens' in token ? wordsOfTokens(token.tokens ?? [], paint) : wordsOf(token.raw, paint),
        width,
      )
  }
}

// The union of marked also contains a token with any `type`, so a comparison of `type` does not
// narrow.
const isList = (token: Token): token is Tokens.List => token.type === 'list'
const isTable = (token: Token): token is Tokens.Table => token.type === 'table'

function headingLines(token: Token, { width, paint }: MarkdownOptions): string[] {
  const formats: Format[] =
    'depth' in token && token['depth'] === 1 ? ['bold', 'underline'] : ['bold']
  const words = wordsOf(String('text' in token ? token['text'] : token.raw), paint)
  return linesOf(words, width).map((line) => paint(formats, line))
}

/** Code is not wrapped, because copied code must be unchanged. */
const codeLines = (text: string, paint: Paint): string[] =>
  text.split('\n').map((line) => codeLine(line, paint))

export const codeLine = (line: string, paint: Paint): string =>
  line === '' ? '' : `  ${paint('cyan', line)}`

function quoteLines(token: Token, { width, paint }: MarkdownOptions): string[] {
  const inner = 'tokens' in token ? (token.tokens ?? []) : []
  return blocks(inner, { width: width - 2, paint }).map((line) => `${paint('dim', '│')} ${line}`)
}

function listLines(list: Tokens.List, options: MarkdownOptions): string[] {
  const from = typeof list.start === 'number' ? list.start : 1
  return list.items.flatMap((item, index) => {
    const mark = list.ordered ? `${from + index}.` : '•'
    const lines = itemLines(item, mark, options)
    return list.loose && index > 0 ? ['', ...lines] : lines
  })
}

function itemLines(item: Tokens.ListItem, mark: string, options: MarkdownOptions): string[] {
  const box = item.task ? (item.checked === true ? '[x] ' : '[ ] ') : ''
  const indent = ' '.repeat(widthOf(mark) + 1)
  const inner = { ...options, width: options.width - indent.length }
  const tokens = item.tokens.filter(({ type }) => type !== 'checkbox')
  const lines = tokens.flatMap((token, index) => {
    const lines = blockLines(token, inner)
    return item.loose && index > 0 && lines.length > 0 ? ['', ...lines] : lines
  })
  const [first = '', ...rest] = lines
  const marked = `${options.paint('dim', mark)} ${box}${first}`
  return [marked, ...rest.map((line) => (line === '' ? '' : indent + line))]
}
