/**
 * The project in which the runtimes are tested. It has their packages, which are too large for the
 * project itself, and the packed library. It is installed again only after one of them has changed.
 */
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

import { place, root } from '../../bin/build/place.ts'
import { buildLibrary } from '../artefacts/built.ts'

const run = promisify(execFile)

/**
 * Its `node_modules` has all packages. It is outside the repository, because bundlers also read the
 * `tsconfig.json` and the packages of the folders above.
 */
export const project = join(
  process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'),
  'loom-tests',
  `runtimes-${createHash('sha256').update(root).digest('hex').slice(0, 8)}`,
)
export const packagePath = (path: string): string => join(project, 'node_modules', path)

const names = ['package.json', 'package-lock.json'] as const
const options = ['--ignore-scripts', '--prefer-offline', '--no-audit', '--no-fund']

/** For `beforeAll`. @returns why the packages cannot be installed, or undefined if they are installed */
export async function installRuntimes(): Promise<string | undefined> {
  await buildLibrary()
  mkdirSync(project, { recursive: true })
  try {
    await once('packages', digestOf(names.map((name) => join(import.meta.dirname, name))), () =>
      installPackages(),
    )
    const library = [join(place.dist, 'built-from-library'), join(root, 'package.json')]
    await once('library', digestOf(library), () => installLibrary())
    return undefined
  } catch (error) {
    return `The packages could not be installed: ${String(error).slice(0, 500)}`
  }
}

async function installPackages(): Promise<void> {
  rmSync(join(project, 'installed-library'), { force: true })
  for (const name of names) copyFileSync(join(import.meta.dirname, name), join(project, name))
  await run('npm', ['ci', ...options], { cwd: project })
}

async function installLibrary(): Promise<void> {
  const words = ['pack', '--ignore-scripts', '--json', '--pack-destination', project]
  const { stdout } = await run('npm', words, { cwd: root })
  const [, name = ''] = /"filename": "([^"]+)"/.exec(stdout) ?? []
  await run('npm', ['install', '--no-save', ...options, join(project, name)], { cwd: project })
}

/** Does the work if it was not done for this digest. */
async function once(name: string, digest: string, work: () => Promise<void>): Promise<void> {
  const stamp = join(project, `installed-${name}`)
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === digest) return
  rmSync(stamp, { force: true })
  await work()
  writeFileSync(stamp, digest)
}

function digestOf(files: readonly string[]): string {
  const digest = createHash('sha256').update(process.version)
  for (const file of files) digest.update(readFileSync(file))
  return digest.digest('hex')
}
