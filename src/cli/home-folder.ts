/** Where the user's own files are. */
import { homedir } from 'node:os'

import type { Environment } from '../ground/environment.ts'

/**
 * `HOME`, else the home folder of the user database; undefined where neither names one, as for a user
 * id of a container that no `/etc/passwd` knows. Node throws there.
 */
export function homeFolder({ HOME: home = '' }: Environment): string | undefined {
  if (home !== '') return home
  try {
    return homedir()
  } catch {
    return undefined
  }
}
