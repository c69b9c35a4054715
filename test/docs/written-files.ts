/**
 * The code blocks of the pages as files of one folder. A block that begins with `// name.ts` has this
 * name, so another block can import it.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

import { type Block, blocks, root } from './pages.ts'

export interface WrittenFiles extends Disposable {
  folder: string
  /** Each file, as seen from the folder, and where its block is. */
  files: ReadonlyMap<string, Block>
}

/**
 * @param changed returns the text that is written for a block. @defaultValue the code
 * @throws Error if two blocks have one name
 */
export function writeFiles(
  languages: readonly string[],
  changed: (code: string) => string = (code) => code,
): WrittenFiles {
  mkdirSync(join(root, '.cache'), { recursive: true })
  // Below the root, so that packages are found.
  const folder = mkdtempSync(join(root, '.cache/docs-'))
  const files = new Map<string, Block>()
  for (const block of languages.flatMap(blocks)) {
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
