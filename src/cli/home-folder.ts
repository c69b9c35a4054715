/** The home folder of the user. */
import { homedir } from 'node:os'

import type { Environment } from '../ground/environment.ts'

/**
 * Returns `HOME`, or else the home folder of the user database. Undefined if neither names one, for
 * example in a container whose `/etc/passwd` does not contain the user id. Node.js throws there.
 */
export function homeFolder({ HOME: home = '' }: Environment): string | undefined {
  if (home !== '') return home
  try {
    return homedir()
  } catch {
    return undefined
  }
}
