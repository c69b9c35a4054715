/**
 * Files of Loom that are not modules: scripts for Redis, the playground. A path begins at the root,
 * as in `web/index.html`. In the sources and in the package, the files are beside the code. A
 * single-file artefact contains them. Never read one through `import.meta.url`: that address does
 * not exist in such an artefact.
 */
import { existsSync, readFileSync } from 'node:fs'

import { embedded } from './asset/embedded.ts'

const root = new URL('../../', import.meta.url)

/** Returns the bytes of a file, or undefined if it does not exist. */
export function readAsset(path: string): Buffer | undefined {
  if (embedded !== undefined) return bufferOf(embedded.read(path))
  const file = new URL(path, root)
  return existsSync(file) ? readFileSync(file) : undefined
}

/** @throws Error if the file does not exist */
export function requiredAsset(path: string): Buffer {
  const bytes = readAsset(path)
  if (bytes === undefined) throw new Error(`${path} is missing from this installation of Loom.`)
  return bytes
}

/** A view of the same bytes, without a copy. */
function bufferOf(bytes: Uint8Array | undefined): Buffer | undefined {
  return bytes && Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
