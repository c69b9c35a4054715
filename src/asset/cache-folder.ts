/** Where unpacked programs may lie, best first: the user's cache, and else the temporary folder. */
import { tmpdir } from 'node:os'
import { isAbsolute, join } from 'node:path'

import type { Environment } from '../config.ts'

export function cacheFolders({ XDG_CACHE_HOME: cache, HOME: home }: Environment): string[] {
  const own = [cache, home && join(home, '.cache')].find((path) => path && isAbsolute(path))
  return [
    ...(own === undefined || own === '' ? [] : [join(own, 'loom')]),
    join(tmpdir(), `loom-${process.getuid?.() ?? 'user'}`),
  ]
}
