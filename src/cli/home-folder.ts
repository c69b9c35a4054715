/** The home folder, which contains the files of the user. */
import { userInfo } from 'node:os'
import { isAbsolute } from 'node:path'

import type { Environment } from '../ground/environment.ts'

/**
 * Returns `HOME`; if it is empty or relative, the home folder of the user database. Returns undefined if
 * neither is a path, as for a user id of a container that `/etc/passwd` lacks: Node.js throws there.
 * (`homedir()` of Node.js returns an empty or relative `HOME` as it is.)
 */
export function homeFolder({ HOME: home = '' }: Environment): string | undefined {
  if (isAbsolute(home)) return home
  try {
    const { homedir } = userInfo()
    return isAbsolute(homedir) ? homedir : undefined
  } catch {
    return undefined
  }
}
