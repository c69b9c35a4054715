/** The entries of the package, as its manifest lists them. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

import { z } from 'zod'

const root = join(import.meta.dirname, '..')

const manifest = z.object({
  name: z.string(),
  exports: z.record(z.string(), z.union([z.string(), z.object({ default: z.string() })])),
})

/** Returns the source file of each entry, as seen from the root, by its import name. */
export function packageEntries(): Record<string, string> {
  const { name, exports } = manifest.parse(
    JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')),
  )
  return Object.fromEntries(
    Object.entries(exports).flatMap(([subpath, target]) =>
      typeof target === 'string' ? [] : [[name + subpath.slice(1), sourceOf(target.default)]],
    ),
  )
}

const sourceOf = (built: string) =>
  built.replace(/^\.\/dist\/library\//, '').replace(/\.js$/, '.ts')
