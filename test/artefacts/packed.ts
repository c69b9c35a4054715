/**
 * The package as a plain `npm pack` makes it. It runs in a copy of the tree, because it builds the
 * library and replaces `package.json` for a moment, and other tests use both.
 */
import { execFile } from 'node:child_process'
import {
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { promisify } from 'node:util'

import { z } from 'zod'

import { root } from '../cli/command.ts'
import { onceForSources } from './once-for-sources.ts'

const run = promisify(execFile)

/** The time limit of `pack` and `install` beside other work, in milliseconds. */
export const packMs = 400_000

export interface Packed {
  /** The copy of the tree. */
  tree: string
  tarball: string
  /** `package.json` of the copy, before and after. */
  before: string
  after: string
}

/** Folders that git ignores, and the history. */
const left = new Set(['node_modules', 'dist', '.cache', '.git', 'coverage', '.vitest'])

const folder = join(root, '.cache/packed')
const result = join(folder, 'packed.json')

/** Packs once for all test files. Only one of them may change the copy. */
export async function pack(): Promise<Packed> {
  await onceForSources({
    lock: 'pack-lock',
    stamps: [join(folder, 'packed-from')],
    work: async () => {
      const packed = await packNow()
      writeFileSync(result, JSON.stringify(packed))
    },
  })
  return packedOf.parse(JSON.parse(readFileSync(result, 'utf8')))
}

async function packNow(): Promise<Packed> {
  rmSync(folder, { recursive: true, force: true, maxRetries: 10 })
  const tree = join(folder, 'tree')
  const isPart = (path: string) => !left.has(basename(path))
  for (const name of readdirSync(root).filter(isPart))
    cpSync(join(root, name), join(tree, name), { recursive: true, filter: isPart })
  symlinkSync(join(root, 'node_modules'), join(tree, 'node_modules'))
  const manifest = () => readFileSync(join(tree, 'package.json'), 'utf8')
  const before = manifest()
  const { stdout } = await run('npm', ['pack', '--pack-destination', folder], { cwd: tree })
  const name = stdout.trim().split('\n').at(-1) ?? ''
  return { tree, tarball: join(folder, name), before, after: manifest() }
}

const packedOf = z.object({
  tree: z.string(),
  tarball: z.string(),
  before: z.string(),
  after: z.string(),
})

/** Makes an empty project and installs packages into it. */
export async function install(folder: string, packages: readonly string[]): Promise<void> {
  mkdirSync(folder, { recursive: true })
  const manifest = { name: 'empty', version: '1.0.0', private: true, type: 'module' }
  await writeFile(join(folder, 'package.json'), JSON.stringify(manifest))
  // npm takes packages from its cache if it can, so that a second run needs no network.
  const words = ['install', '--prefer-offline', '--no-audit', '--no-fund', ...packages]
  await run('npm', words, { cwd: folder })
}
