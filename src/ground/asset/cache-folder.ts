/**
 * The folders of unpacked programs and downloaded lists: in the user's cache, or else the temporary
 * folder.
 */
import { tmpdir } from 'node:os'
import { isAbsolute, join } from 'node:path'

import type { Environment } from '../environment.ts'

/** Returns Loom's folder in the user's cache, or undefined for a user without a home folder. */
export function userCacheFolder({
  XDG_CACHE_HOME: cache,
  HOME: home,
}: Environment): string | undefined {
  // The XDG base directory specification says to ignore relative paths.
  const folder = [cache, home && join(home, '.cache')].find((path) => path && isAbsolute(path))
  return folder ? join(folder, 'loom') : undefined
}

/** Returns the possible folders, the best one first. */
export function cacheFolders(environment: Environment): string[] {
  const own = userCacheFolder(environment)
  const shared = join(tmpdir(), `loom-${process.getuid?.() ?? 'user'}`)
  return own === undefined ? [shared] : [own, shared]
}
