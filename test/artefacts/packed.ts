/**
 * The package as a plain `npm pack` makes it. It runs in a copy of the tree, because it builds the
 * library and replaces `package.json` for a moment, and other tests use both.
 */
import { execFile } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { promisify } from 'node:util'

import { root } from '../cli/command.ts'

const run = promisify(execFile)

/** The time limit of `pack` and `install` beside other work, in milliseconds. */
export const packMs = 400_000

export interface Packed extends Disposable {
  /** The copy of the tree. */
  tree: string
  tarball: string
  /** `package.json` of the copy, before and after. */
  before: string
  after: string
}

/** Folders that git ignores, and the history. */
const left = new Set(['node_modules', 'dist', '.cache', '.git', 'coverage', '.vitest'])

export async function pack(): Promise<Packed> {
  const folder = mkdtempSync(join(tmpdir(), 'loom-packed-'))
  const tree = join(folder, 'tree')
  cpSync(root, tree, { recursive: true, filter: (path) => !left.has(basename(path)) })
  symlinkSync(join(root, 'node_modules'), join(tree, 'node_modules'))
  const manifest = () => readFileSync(join(tree, 'package.json'), 'utf8')
  const before = manifest()
  const { stdout } = await run('npm', ['pack', '--pack-destination', folder], { cwd: tree })
  const name = stdout.trim().split('\n').at(-1) ?? ''
  return {
    tree,
    tarball: join(folder, name),
    before,
    after: manifest(),
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true, maxRetries: 10 }),
  }
}

/** Makes an empty project and installs packages into it. */
export async function install(folder: string, packages: readonly string[]): Promise<void> {
  mkdirSync(folder, { recursive: true })
  const manifest = { name: 'empty', version: '1.0.0', private: true, type: 'module' }
  await writeFile(join(folder, 'package.json'), JSON.stringify(manifest))
  // npm takes packages from its cache if it can, so that a second run needs no network.
  const words = ['install', '--prefer-offline', '--no-audit', '--no-fund', ...packages]
  await run('npm', words, { cwd: folder })
}
