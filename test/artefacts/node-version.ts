/** Other versions of Node.js, from their packages. They stay in `.cache/` for the next run. */
import { existsSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'

import { root } from '../cli/command.ts'
import { install } from './packed.ts'

/** These packages exist for Linux only. */
export const hasNodeVersions = process.platform === 'linux'

/** Returns the program of a version. */
export async function nodeOfVersion(version: string): Promise<string> {
  const name = `node-linux-${process.arch}`
  const folder = join(root, '.cache', `node-${version}`)
  const program = join(folder, 'node_modules', name, 'bin/node')
  if (!existsSync(program)) {
    const draft = `${folder}-${process.pid}`
    await install(draft, [`${name}@${version}`])
    rmSync(folder, { recursive: true, force: true })
    renameSync(draft, folder)
  }
  return program
}
