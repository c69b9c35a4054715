/**
 * Files that travel with Loom and are no modules: scripts for Redis, the playground. A path is as
 * seen from the root, `web/index.html`. In the sources and in the package they lie beside the code;
 * an artefact of one file carries them inside. Never read one by `import.meta.url`: there it is gone.
 */
import { existsSync, readFileSync } from 'node:fs'

import { embedded } from './asset/embedded.ts'

const root = new URL('../../', import.meta.url)

/** Undefined where there is no such file. */
export function readAsset(path: string): Buffer | undefined {
  if (embedded !== undefined) return bufferOf(embedded.read(path))
  const file = new URL(path, root)
  return existsSync(file) ? readFileSync(file) : undefined
}

/** @throws Error where there is no such file */
export function requiredAsset(path: string): Buffer {
  const bytes = readAsset(path)
  if (bytes === undefined) throw new Error(`${path} is missing from this installation of Loom.`)
  return bytes
}

/** The same bytes. */
function bufferOf(bytes: Uint8Array | undefined): Buffer | undefined {
  return bytes && Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
