/** The pages of the documentation, and the blocks of code in them. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

export const root = join(import.meta.dirname, '../..')

export interface Block {
  /** The page or source, as seen from the root: `docs/http.md`. */
  page: string
  /** The line of the page or source on which its code begins. */
  line: number
  language: string
  code: string
}

export interface Page {
  path: string
  text: string
  blocks: readonly Block[]
}

const paths = [
  'README.md',
  ...readdirSync(join(root, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .sort()
    .map((name) => `docs/${name}`),
]

export const pages: readonly Page[] = paths.map((path) => {
  const text = readFileSync(join(root, path), 'utf8')
  return { path, text, blocks: blocksIn(path, text) }
})

/** @throws Error if there is no such page */
export function pageAt(path: string): Page {
  const page = pages.find((page) => page.path === path)
  if (page === undefined) throw new Error(`There is no page ${path}.`)
  return page
}

export const blocks = (language: string): Block[] =>
  pages.flatMap((page) => page.blocks.filter((block) => block.language === language))

/** The cells of each row of the tables of a page whose first head cell matches. */
export function rowsOf({ text }: Page, head: RegExp): string[][] {
  const tables = text.split('\n\n').filter((part) => part.startsWith('|'))
  const chosen = tables.filter((table) => head.test(cellsOf(table.split('\n')[0] ?? '')[0] ?? ''))
  if (chosen.length === 0) throw new Error(`There is no table with the head ${head}.`)
  return chosen.flatMap((table) => table.trimEnd().split('\n').slice(2).map(cellsOf))
}

/** The pieces of code in a cell: `maxCost` and `maxTokens`. */
export const codeIn = (cell = ''): string[] =>
  [...cell.matchAll(/`([^`]+)`/g)].map(([, code = '']) => code)

const cellsOf = (row: string): string[] =>
  row
    .split(/(?<!\\)\|/)
    .slice(1, -1)
    .map((cell) => cell.trim())

/** A block in a list is indented; its code is not. */
function blocksIn(page: string, text: string): Block[] {
  return [...text.matchAll(/^( *)```(\w+)\n([^]*?)^ *```$/gm)].map((match) => {
    const [, indent = '', language = '', indented = ''] = match
    const code = indented.replaceAll(new RegExp(`^${indent}`, 'gm'), '')
    const line = text.slice(0, match.index).split('\n').length + 1
    return { page, line, language, code }
  })
}
