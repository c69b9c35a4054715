/**
 * The modules of the library that contain files. Each replaces a module of the sources that exports
 * an `assetFolder`, so that the library finds no file by its own address: a bundler includes
 * modules, and no other file.
 */
import { readFileSync } from 'node:fs'
import { basename, join } from 'node:path'

import { root } from './place.ts'

/** The line of a module of the sources that the library replaces. */
const declaration = /^export const (\w+): .* = assetFolder\('([^']+)'\)$/m

/**
 * Returns the text of the module that replaces a source, or undefined for a source without files.
 * @param source the path from the root: `src/store/redis/script-files.ts`
 * @param files all files that are not modules, by their path from the root
 */
export function assetModule(
  source: string,
  files: ReadonlyMap<string, Uint8Array>,
): string | undefined {
  const text = readFileSync(join(root, source), 'utf8')
  const [, name, folder] = declaration.exec(text) ?? []
  if (name === undefined || folder === undefined) return undefined
  const inside = [...files].filter(([path]) => path.startsWith(`${folder}/`))
  const entries = inside
    .filter(([path]) => !isNotice(path))
    .map(([path, bytes]) => `  [${JSON.stringify(path.slice(folder.length + 1))}, ${code(bytes)}],`)
  if (entries.length === 0) throw new Error(`${source}: there is no file in ${folder}.`)
  return [
    ...inside.filter(([path]) => isNotice(path)).map(([, bytes]) => notice(bytes)),
    `const files = new Map([`,
    ...entries,
    `])`,
    ``,
    `export const ${name} = (name) => {`,
    `  const file = files.get(name)`,
    `  return file && Buffer.from(file.text, file.encoding)`,
    `}`,
    ``,
  ].join('\n')
}

/** The notice of a file that others have written: `models.dev-LICENSE`. */
export const isNotice = (path: string): boolean => basename(path).endsWith('-LICENSE')

/** Bundlers keep a comment of this form. */
const notice = (bytes: Uint8Array) => `/*!\n${Buffer.from(bytes).toString().trim()}\n*/`

function code(bytes: Uint8Array): string {
  const buffer = Buffer.from(bytes)
  const text = buffer.toString('utf8')
  const file = Buffer.from(text).equals(buffer)
    ? { encoding: 'utf8', text }
    : { encoding: 'base64', text: buffer.toString('base64') }
  return JSON.stringify(file)
}
