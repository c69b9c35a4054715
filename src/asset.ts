/**
 * Files that travel with Loom and are no modules: scripts for Redis, the playground. A path is as
 * seen from the root, `web/index.html`. In the sources and in the package they lie beside the code;
 * an artefact of one file carries them inside. Never read one by `import.meta.url`: there it is gone.
 */
import { existsSync, readFileSync } from 'node:fs'

import { embedded } from './asset/embedded.ts'

const root = new URL('../', import.meta.url)

/** Undefined where there is no such file. */
export function readAsset(path: string): Uint8Array | undefined {
  if (embedded !== undefined) return embedded.read(path)
  const file = new URL(path, root)
  return existsSync(file) ? readFileSync(file) : undefined
}

/** @throws Error where there is no such file */
export function readAssetText(path: string): string {
  const bytes = readAsset(path)
  if (bytes === undefined) throw new Error(`${path} is missing from this installation of Loom.`)
  return new TextDecoder().decode(bytes)
}
