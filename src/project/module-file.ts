/**
 * The files of a folder of agents or tools. A module directly in the folder belongs to it, and so does
 * the main module of a sub-folder (`tutor/agent.ts` or `tutor/index.ts`). Every other file of a
 * sub-folder, and every file with a name that begins with `_` or `.`, is for the imports of these
 * modules.
 */
import { readdir, stat } from 'node:fs/promises'
import { basename, isAbsolute, join, relative, resolve } from 'node:path'

import { LoomError } from '../ground/error.ts'

export interface ModuleFile {
  /** The name in error texts: for a file, its path from the current folder. */
  path: string
  /** The absolute path. Absent for a module of Loom. */
  file?: string
  load: () => Promise<object>
}

/** The kind of the exports that a folder has. The main module of a sub-folder may have this name. */
export type ModuleKind = 'agent' | 'tool'

const moduleEnd = /\.[cm]?[jt]s$/
/** Helpers, hidden files, tests and declarations. */
const otherFile = /^[._]|\.(?:test|spec)\.[cm]?[jt]s$|\.d\.[cm]?ts$/

/** Whether a file or sub-folder with this name can belong to a folder of modules. */
export const isCandidate = (name: string): boolean =>
  !otherFile.test(name) && name !== 'node_modules'

/** Returns the absolute paths of the modules of a folder, in the order of their names. */
export async function modulesIn(folder: string, kind: ModuleKind): Promise<string[]> {
  const names = (await readdir(folder)).filter(isCandidate).sort()
  const found = await Promise.all(names.map((name) => moduleAt(join(folder, name), kind)))
  return found.filter((file) => file !== undefined)
}

async function moduleAt(path: string, kind: ModuleKind): Promise<string | undefined> {
  const stats = await stat(path).catch(() => undefined)
  if (stats?.isFile() === true) return moduleEnd.test(path) ? path : undefined
  if (stats?.isDirectory() !== true) return undefined
  const names = (await readdir(path).catch(() => [])).filter((name) => moduleEnd.test(name)).sort()
  const main = [kind, 'index'].flatMap((stem) =>
    names.filter((name) => isCandidate(name) && name.replace(moduleEnd, '') === stem),
  )
  return main[0] === undefined ? undefined : join(path, main[0])
}

/**
 * Returns the modules that a file, a folder of modules, or a project with such a folder has.
 * @param path as the user wrote it
 * @throws LoomError `invalid-request` if there is nothing at this path, or `invalid-config` if the folder
 * has no module
 */
export async function modulesAt(
  path: string,
  { directory, kind }: { directory: string; kind: ModuleKind },
): Promise<string[]> {
  const place = resolve(directory, path)
  const stats = await stat(place).catch(() => undefined)
  if (stats?.isFile() === true) return [place]
  if (stats?.isDirectory() !== true) {
    throw new LoomError('invalid-request', `There is no file or folder ${path}.`)
  }
  const files = await modulesIn(await folderAt(place, kind), kind)
  if (files.length > 0) return files
  throw new LoomError(
    'invalid-config',
    `${path} contains no ${kind}: add a file such as ${join(path, `my-${kind}.ts`)} that exports one.`,
  )
}

/** Returns the folder of modules: `agents` in the folder of a project, otherwise the folder itself. */
export async function folderAt(folder: string, kind: ModuleKind): Promise<string> {
  const inner = join(folder, `${kind}s`)
  return basename(folder) !== `${kind}s` && (await isFolder(inner)) ? inner : folder
}

export async function isFolder(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isDirectory() === true
}

/** The path from a folder, if the file is in it. Otherwise the absolute path. */
export function shownPath(file: string, directory: string): string {
  const path = relative(directory, file)
  return path.startsWith('..') || isAbsolute(path) || path === '' ? file : path
}
