/** Renders a table in columns. If the table is too wide, the texts of its cells are wrapped. */
import type { Tokens } from 'marked'

import { type Word, wordsOfTokens } from './inline.ts'
import { linesOf } from './line-setter.ts'
import type { MarkdownOptions } from './markdown-options.ts'
import type { Paint } from './style.ts'
import { widthOf } from './width.ts'

const narrowest = 4
const gap = '  '

export function tableLines(table: Tokens.Table, { width, paint }: MarkdownOptions): string[] {
  const rows = [table.header, ...table.rows].map((row) =>
    row.map(({ tokens }) => wordsOfTokens(tokens, paint)),
  )
  const widths = columnWidths(rows, width)
  // With too many columns no cell is readable, so the source is shown.
  if (widths === undefined) return table.raw.trimEnd().split('\n')
  const [header = [], ...body] = rows.map((row) => rowLines(row, widths, table.align))
  return [
    ...header.map((line) => paint('bold', line)),
    widths.map((columns) => rule(columns, paint)).join(gap),
    ...body.flat(),
  ]
}

const rule = (columns: number, paint: Paint) => paint('dim', '─'.repeat(columns))

/** The width of all words on one line. */
const wholeWidth = (words: readonly Word[]): number =>
  words.reduce((sum, { width }) => sum + width + 1, -1)

function columnWidths(rows: readonly Word[][][], width: number): number[] | undefined {
  const [first = []] = rows
  const wanted = first.map((_, column) =>
    Math.max(1, ...rows.map((row) => wholeWidth(row[column] ?? []))),
  )
  const room = width - gap.length * (wanted.length - 1)
  if (room < narrowest * wanted.length) return undefined
  while (wanted.reduce((sum, columns) => sum + columns, 0) > room) {
    const widest = wanted.indexOf(Math.max(...wanted))
    wanted[widest] = (wanted[widest] ?? 0) - 1
  }
  return wanted
}

function rowLines(
  row: readonly Word[][],
  widths: readonly number[],
  align: Tokens.Table['align'],
): string[] {
  const cells = widths.map((columns, column) => linesOf(row[column] ?? [], columns))
  const height = Math.max(...cells.map(({ length }) => length))
  return Array.from({ length: height }, (_, line) =>
    cells
      .map((lines, column) => padTo(lines[line] ?? '', widths[column] ?? 0, align[column] ?? null))
      .join(gap)
      .trimEnd(),
  )
}

function padTo(text: string, columns: number, align: 'center' | 'left' | 'right' | null): string {
  const missing = Math.max(0, columns - widthOf(text))
  const left = align === 'right' ? missing : align === 'center' ? Math.floor(missing / 2) : 0
  return ' '.repeat(left) + text + ' '.repeat(missing - left)
}
