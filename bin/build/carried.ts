/** What an artefact of one file has inside besides code: files, ripgrep, and the licences of it all. */
import type { Files } from './embedding.ts'
import { notices } from './notices.ts'
import { ripgrep } from './ripgrep.ts'
import { travellingFiles } from './travelling-files.ts'

/** @param modules of the bundle that is in it */
export function carried(modules: readonly string[]): Files {
  return new Map([
    ...travellingFiles(),
    [noticesPath, new TextEncoder().encode(notices(modules))],
    [ripgrep.path, ripgrep.read()],
  ])
}

const noticesPath = 'THIRD-PARTY-NOTICES.txt'
