/**
 * The files that `src/ground/asset.ts` reads: whatever lies in these folders and is no module. A new one
 * needs no line here.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'

import { root } from './place.ts'

const folders = ['src', 'routes', 'tools', 'web']

/** By path from the root. */
export function travellingFiles(): Map<string, Uint8Array> {
  const paths = folders.flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && !/\.(ts|md)$/.test(entry.name))
      .map((entry) => relative(root, join(entry.parentPath, entry.name))),
  )
  return new Map(paths.sort().map((path) => [path, readFileSync(join(root, path))]))
}
