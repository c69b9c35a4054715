import { assetFiles } from './asset-files.ts'
/** The contents of a single-file artefact besides its code: assets, ripgrep and the licences. */
import type { Files } from './embedding.ts'
import { notices } from './notices.ts'
import { ripgrep } from './ripgrep.ts'

/** @param modules the source files in the bundle */
export function artefactContents(modules: readonly string[]): Files {
  return new Map([
    ...assetFiles(),
    [noticesPath, new TextEncoder().encode(notices(modules))],
    [ripgrep.path, ripgrep.read()],
  ])
}

const noticesPath = 'THIRD-PARTY-NOTICES.txt'
