/**
 * Files of Loom that are not modules: scripts for Redis, the list of models, the playground. Beside
 * the sources they are files, and a single-file artefact contains them. The library has neither:
 * for each module that exports an `assetFolder`, `bin/build/asset-modules.ts` writes a module that
 * contains the files. So a bundler includes them, and this module is not part of the library.
 */
import { existsSync, readFileSync } from 'node:fs'

import { embedded } from './asset/embedded.ts'

/**
 * Returns the reader of the files in a folder, which returns undefined for a file that does not
 * exist.
 * @param folder the path from the root of the repository: `src/store/redis`
 */
export function assetFolder(folder: string): (name: string) => Buffer | undefined {
  return (name) => {
    if (embedded !== undefined) return bufferOf(embedded.read(`${folder}/${name}`))
    const file = new URL(`../../${folder}/${name}`, import.meta.url)
    return existsSync(file) ? readFileSync(file) : undefined
  }
}

/** A view of the same bytes, without a copy. */
function bufferOf(bytes: Uint8Array | undefined): Buffer | undefined {
  return bytes && Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
