/**
 * The git repository of a workspace. A worktree has its repository elsewhere, and git does nothing
 * without it. Hooks and settings are programs that the user's own git runs later, outside of the
 * sandbox: a confined command may read them and not change them.
 */
import { lstat, readFile, realpath } from 'node:fs/promises'
import { isAbsolute, join, resolve } from 'node:path'

import { contains } from './system-view.ts'

export interface Repository {
  /** Folders outside of the workspace that git works in. */
  writable: readonly string[]
  /** What a command may read and not change. It cannot be renamed either. */
  fixed: readonly string[]
  /** Hook folders that are not there: an empty one stands in their place. */
  absent: readonly string[]
  /** Repository folders: a mount of their own keeps a command from renaming them. */
  held: readonly string[]
}

const none: Repository = { writable: [], fixed: [], absent: [], held: [] }

/** What a sandbox has to know of the repository whose work tree the workspace is. */
export async function repositoryOf(workspace: string): Promise<Repository> {
  const entry = join(workspace, '.git')
  const stats = await lstat(entry).catch(() => undefined)
  if (stats?.isDirectory() === true) return protection(workspace, [entry], [])
  if (stats?.isFile() !== true) return none
  const folders = await linkedFolders(workspace, entry)
  return folders.length === 0 ? none : protection(workspace, folders, [entry])
}

/** A worktree's own folder and that of its repository (gitrepository-layout(5), `gitdir`, `commondir`). */
async function linkedFolders(workspace: string, entry: string): Promise<string[]> {
  const link = /^gitdir: (.+)/.exec(await text(entry))?.[1]?.trim()
  if (link === undefined) return []
  const own = await realpath(resolve(workspace, link)).catch(() => undefined)
  if (own === undefined || !(await pointsBack(own, workspace))) return []
  const common = (await text(join(own, 'commondir'))).trim()
  if (common === '') return [own]
  const shared = await realpath(resolve(own, common)).catch(() => undefined)
  return shared === undefined || !(await isRepository(shared)) ? [] : [own, shared]
}

/**
 * A command can write any path into the workspace's `.git` file. Only a folder that names this
 * workspace in turn is shown: a worktree's does in `gitdir`, a submodule's in its settings.
 */
async function pointsBack(folder: string, workspace: string): Promise<boolean> {
  const back = (await text(join(folder, 'gitdir'))).trim()
  if (back !== '') return (await real(resolve(folder, back))) === join(workspace, '.git')
  const tree = /^\s*worktree\s*=\s*(.+?)\s*$/m.exec(await text(join(folder, 'config')))?.[1]
  if (tree === undefined || !(await isRepository(folder))) return false
  return (await real(isAbsolute(tree) ? tree : resolve(folder, tree))) === workspace
}

async function isRepository(folder: string): Promise<boolean> {
  const parts = ['HEAD', 'objects', 'refs'].map((name) => lstat(join(folder, name)))
  return (await Promise.allSettled(parts)).every(({ status }) => status === 'fulfilled')
}

async function protection(
  workspace: string,
  folders: readonly string[],
  files: readonly string[],
): Promise<Repository> {
  const fixed = [...files]
  const absent: string[] = []
  for (const folder of folders) {
    for (const name of ['config', 'config.worktree']) {
      const path = join(folder, name)
      if (await isPlain(path)) fixed.push(path)
    }
    const hooks = join(folder, 'hooks')
    if (await isPlain(hooks)) fixed.push(hooks)
    else if (!(await exists(hooks))) absent.push(hooks)
    // A link can be replaced whatever is mounted behind it: the folder as a whole is fixed.
    else fixed.push(folder)
  }
  const isOutside = (folder: string) => !contains(workspace, folder)
  const outside = folders.filter(isOutside)
  // A worktree's folder lies in its repository's: one mount serves both.
  const writable = outside.filter(
    (folder) => !outside.some((other) => other !== folder && contains(other, folder)),
  )
  return { writable, fixed, absent, held: folders.filter((folder) => !isOutside(folder)) }
}

const text = (path: string) => readFile(path, 'utf8').catch(() => '')
const real = (path: string) => realpath(path).catch(() => undefined)
const exists = async (path: string) => (await lstat(path).catch(() => undefined)) !== undefined

async function isPlain(path: string): Promise<boolean> {
  const stats = await lstat(path).catch(() => undefined)
  return stats !== undefined && !stats.isSymbolicLink()
}
