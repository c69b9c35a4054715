/** The folders `./agents` and `./tools` of the current folder. */
import { join } from 'node:path'

import type { BuiltIn } from '../built-in.ts'
import { type FileWorld, moduleFile } from './load-module.ts'
import { isFolder, modulesAt, type ModuleFile, type ModuleKind } from './module-file.ts'

export interface Project extends FileWorld {
  builtIn: BuiltIn
}

/** Returns the modules of the folder. Undefined if there is no such folder. */
export async function ownModules(
  kind: ModuleKind,
  world: Project,
): Promise<ModuleFile[] | undefined> {
  const folder = join(world.directory, `${kind}s`)
  if (!(await isFolder(folder))) return undefined
  const files = await modulesAt(`./${kind}s`, { directory: world.directory, kind })
  return files.map((file) => moduleFile(file, world))
}
