/**
 * The artefacts, built from the current sources. They are built once for all tests, and again only
 * after a source has changed: `dist/built-from-*` have the digest of their sources. A build takes
 * about a minute on two cores, most of it to compress Node.
 */
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'

import { place, root } from '../../bin/build/place.ts'
import { until } from '../redis/until.ts'

export interface Artefact {
  name: string
  /** The command line that starts it, without arguments. */
  program: readonly string[]
}

export const source: Artefact = {
  name: 'the sources',
  program: [process.execPath, join(root, 'bin/loom.mjs')],
}
export const module: Artefact = {
  name: 'loom.mjs',
  program: [process.execPath, place.module],
}
export const executable: Artefact = { name: 'the executable', program: [place.executable] }
export const selfExtractor: Artefact = {
  name: 'the self-extractor',
  program: [place.selfExtractor],
}

/** The time limit of a build beside other work, in milliseconds. */
export const buildMs = 600_000

const artefacts = ['library', 'module', 'executable', 'self-extractor'] as const
type ArtefactName = (typeof artefacts)[number] | 'macos'

const stampOf = (name: ArtefactName) => join(place.dist, `built-from-${name}`)
const lock = join(root, '.cache/build-lock')

/** For `beforeAll`. Test files run at the same time: one builds, and the others wait for it. */
export const buildArtefacts = (): Promise<void> => build(artefacts)

/** Like `buildArtefacts`, for a test of the library alone, which takes seconds. */
export const buildLibrary = (): Promise<void> => build(['library'])

/** The macOS download alone, which needs packages of the npm registry. No other build waits for it. */
export const buildMacos = (): Promise<void> => build(['macos'], `${lock}-macos`)

async function build(names: readonly ArtefactName[], folder = lock): Promise<void> {
  const digest = digestOfSources()
  const missing = () => names.filter((name) => text(stampOf(name)) !== digest)
  await until(buildMs, 'the build of the artefacts', () => missing().length === 0 || take(folder))
  if (missing().length === 0) return
  try {
    const program = join(root, 'bin/build/main.ts')
    const words = missing()
    await promisify(execFile)(process.execPath, [program, ...words], { cwd: root })
    for (const name of words) writeFileSync(stampOf(name), digest)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** True if this process now has the lock. A lock of a process that has ended does not count. */
function take(folder: string): boolean {
  try {
    mkdirSync(join(root, '.cache'), { recursive: true })
    mkdirSync(folder)
    writeFileSync(join(folder, 'pid'), String(process.pid))
    return true
  } catch {
    const pid = Number(text(join(folder, 'pid')) ?? Number.NaN)
    if (pid > 0 && !isAlive(pid)) rmSync(folder, { recursive: true, force: true })
    return false
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

function text(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}

function digestOfSources(): string {
  const digest = createHash('sha256')
  digest.update(process.version)
  const folders = ['agents', 'bin', 'routes', 'src', 'tools', 'web']
  const files = folders.flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).map((path) =>
      join(folder, path),
    ),
  )
  for (const path of [...files.sort(), 'package.json', 'package-lock.json', 'tsconfig.json']) {
    const file = join(root, path)
    if (!statSync(file).isFile()) continue
    digest.update(`${path}\0`).update(readFileSync(file))
  }
  return digest.digest('hex')
}
