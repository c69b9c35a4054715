/** A path as a text for the user. */
import { join } from 'node:path'

import type { Environment } from './environment.ts'

/** Writes `~` for the home folder. */
export function shownPath(path: string, { HOME: home = '' }: Environment): string {
  const isWithin = home !== '' && path.startsWith(join(home, '/'))
  return isWithin ? `~${path.slice(home.length)}` : path
}
