/**
 * The folders `./agents` and `./tools` of the current folder. Where the current folder is Loom's own,
 * or has no such folder, Loom's built-in modules take their place.
 */
import { realpath } from 'node:fs/promises'
import { join } from 'node:path'

import type { BuiltIn } from '../built-in.ts'
import { type FileWorld, moduleFile } from './load-module.ts'
import { isFolder, modulesAt, type ModuleFile, type ModuleKind } from './module-file.ts'

export interface Project extends FileWorld {
  builtIn: BuiltIn
  /** Whether changed files are loaded again. Loom's built-in modules never are. @defaultValue false */
  isReloading?: boolean
}

/** Returns the modules of the user's folder. Undefined if the built-in modules take its place. */
export async function ownModules(
  kind: ModuleKind,
  world: Project,
): Promise<ModuleFile[] | undefined> {
  const folder = join(world.directory, `${kind}s`)
  if (!(await isFolder(folder))) return undefined
  const builtInFolder = world.isReloading === true ? undefined : world.builtIn.folder(kind)
  if (builtInFolder !== undefined && (await isSame(folder, builtInFolder))) return undefined
  const files = await modulesAt(`./${kind}s`, { directory: world.directory, kind })
  return files.map((file) => moduleFile(file, world))
}

async function isSame(one: string, other: string): Promise<boolean> {
  const [real, realOther] = await Promise.all(
    [one, other].map((path) => realpath(path).catch(() => path)),
  )
  return real === realOther
}
