/**
 * The artefacts, built from the current sources. They are built once for all tests, and again only
 * after a source has changed: `dist/built-from-*` have the digest of their sources. A build takes
 * about a minute on two cores, most of it to compress Node.
 */
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'

import { place, root } from '../../bin/build/place.ts'
import { onceForSources } from './once-for-sources.ts'

export { buildMs } from './once-for-sources.ts'

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

const artefacts = ['library', 'module', 'executable', 'self-extractor'] as const
type ArtefactName = (typeof artefacts)[number] | 'macos'

/** For `beforeAll`. Test files run at the same time: one builds, and the others wait for it. */
export const buildArtefacts = (): Promise<void> => build(artefacts)

/** Like `buildArtefacts`, for a test of the library alone, which takes seconds. */
export const buildLibrary = (): Promise<void> => build(['library'])

/** The macOS download alone, which needs packages of the npm registry. No other build waits for it. */
export const buildMacos = (): Promise<void> => build(['macos'], 'build-lock-macos')

const build = (names: readonly ArtefactName[], lock = 'build-lock'): Promise<void> => {
  const stamps = new Map(names.map((name) => [join(place.dist, `built-from-${name}`), name]))
  return onceForSources({
    lock,
    stamps: [...stamps.keys()],
    work: async (stamp) => {
      const words = [join(root, 'bin/build/main.ts'), stamps.get(stamp) ?? '']
      await promisify(execFile)(process.execPath, words, { cwd: root })
    },
  })
}
