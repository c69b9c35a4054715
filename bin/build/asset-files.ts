/**
 * The files that `src/ground/asset.ts` reads and that the library contains in modules: all files in
 * these folders that are neither modules nor manifests. A new file needs no change here.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'

import { root } from './place.ts'

const folders = ['src', 'routes', 'tools', 'web']

/** Returns the files by their path from the root. */
export function assetFiles(): Map<string, Uint8Array> {
  const paths = folders.flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && !/\.(ts|md|json)$/.test(entry.name))
      .map((entry) => relative(root, join(entry.parentPath, entry.name))),
  )
  return new Map(paths.sort().map((path) => [path, readFileSync(join(root, path))]))
}
