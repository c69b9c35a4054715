/** The contents of a single-file artefact besides its code: assets, ripgrep and the licences. */
import { assetFiles } from './asset-files.ts'
import type { Files } from './embedding.ts'
import { installedPrograms, notices } from './notices.ts'
import { ripgrep } from './ripgrep.ts'

/**
 * The contents of an artefact for this platform.
 * @param modules the source files in the bundle
 */
export function installedContents(modules: readonly string[]): Files {
  return new Map([
    ...contentsWithoutPrograms(modules, installedPrograms()),
    [ripgrep.path, ripgrep.read()],
  ])
}

/**
 * The contents of an artefact that has its programs beside it.
 * @param modules the source files in the bundle
 * @param programs the folders of the packages of its programs
 */
export function contentsWithoutPrograms(
  modules: readonly string[],
  programs: readonly string[],
): Files {
  const licences = new TextEncoder().encode(notices(modules, programs))
  return new Map([...assetFiles(), [noticesPath, licences]])
}

const noticesPath = 'THIRD-PARTY-NOTICES.txt'
