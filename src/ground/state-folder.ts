/** The folder for data that outlives a program, by the XDG base directory specification. */
import { isAbsolute, join } from 'node:path'

import type { Environment } from './environment.ts'

/** Returns Loom's folder for the state of the user. Undefined without a home folder in the environment. */
export function userStateFolder({
  XDG_STATE_HOME: state,
  HOME: home,
}: Environment): string | undefined {
  // The specification says to ignore relative paths.
  const folder = [state, home && join(home, '.local', 'state')].find(
    (path) => path && isAbsolute(path),
  )
  return folder ? join(folder, 'loom') : undefined
}
