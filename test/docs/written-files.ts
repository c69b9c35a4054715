/**
 * Blocks of code as files of one folder. A block that begins with `// name.ts` has this name, so another
 * block can import it.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

import { type Block, blocks, root } from './pages.ts'

export interface WrittenFiles extends Disposable {
  folder: string
  /** Each file, as seen from the folder, and where its block is. */
  files: ReadonlyMap<string, Block>
}

type Change = (code: string) => string

const unchanged: Change = (code) => code

/**
 * Writes the blocks of the pages in some languages.
 * @param changed returns the text that is written for a block. @defaultValue the code
 * @throws Error if two blocks have one name
 */
export const writeFiles = (languages: readonly string[], changed?: Change): WrittenFiles =>
  writeBlocks(languages.flatMap(blocks), changed)

/**
 * Writes blocks. Disposal removes their folder.
 * @param changed returns the text that is written for a block. @defaultValue the code
 * @throws Error if two blocks have one name
 */
export function writeBlocks(written: readonly Block[], changed = unchanged): WrittenFiles {
  mkdirSync(join(root, '.cache'), { recursive: true })
  // Below the root, so that packages are found.
  const folder = mkdtempSync(join(root, '.cache/docs-'))
  const files = new Map<string, Block>()
  for (const block of written) {
    const name = nameOf(block)
    if (files.has(name)) throw new Error(`Two blocks are ${name}.`)
    files.set(name, block)
    const path = join(folder, name)
    mkdirSync(dirname(path), { recursive: true })
    // A file of the repository imports its neighbours.
    const code = block.code.replaceAll(/from '\.\.\//g, `from '${root}/`)
    writeFileSync(path, changed(code))
  }
  return {
    folder,
    files,
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  }
}

function nameOf({ code, page, line, language }: Block): string {
  const [, name] = /^\/\/ ([\w/.-]+\.tsx?)\n/.exec(code) ?? []
  return name ?? `${page.replace(/\W/g, '-')}-${line}.${language}`
}
