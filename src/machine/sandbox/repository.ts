/**
 * The git repository of a workspace. The repository of a worktree is outside the workspace, and git needs
 * it. Hooks and settings are programs that the user's own git runs later, outside the sandbox: a confined
 * command may read them but not change them.
 */
import { lstat, readFile, realpath } from 'node:fs/promises'
import { isAbsolute, join, resolve } from 'node:path'

import { contains } from './system-view.ts'

export interface Repository {
  /** Folders outside the workspace in which git writes. */
  writableFolders: readonly string[]
  /** Paths that a command may read, but not change or rename. */
  readOnlyPaths: readonly string[]
  /** Missing folders of hooks. The sandbox shows an empty read-only folder in their place. */
  missingHooks: readonly string[]
  /** Repository folders in the workspace. A mount of its own keeps each from being renamed. */
  pinnedFolders: readonly string[]
}

const none: Repository = {
  writableFolders: [],
  readOnlyPaths: [],
  missingHooks: [],
  pinnedFolders: [],
}

/** Returns the paths of the repository whose work tree is the workspace. */
export async function repositoryOf(workspace: string): Promise<Repository> {
  const entry = join(workspace, '.git')
  const stats = await lstat(entry).catch(() => undefined)
  if (stats?.isDirectory() === true) return protection(workspace, [entry], [])
  if (stats?.isFile() !== true) return none
  const folders = await linkedFolders(workspace, entry)
  return folders.length === 0 ? none : protection(workspace, folders, [entry])
}

/** Returns the folder of a worktree and that of its repository (gitrepository-layout(5), `commondir`). */
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
 * Returns whether a repository folder names this workspace. A command can write any path into the
 * workspace's `.git` file, so the sandbox shows only a folder that points back: a worktree's folder does
 * so in `gitdir`, a submodule's in its settings.
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
  const readOnlyPaths = [...files]
  const missingHooks: string[] = []
  for (const folder of folders) {
    for (const name of ['config', 'config.worktree']) {
      const path = join(folder, name)
      if (await isPlain(path)) readOnlyPaths.push(path)
    }
    const hooks = join(folder, 'hooks')
    if (await isPlain(hooks)) readOnlyPaths.push(hooks)
    else if (!(await exists(hooks))) missingHooks.push(hooks)
    // A command could replace a link in spite of a mount on its target, so the whole folder is read-only.
    else readOnlyPaths.push(folder)
  }
  const isOutside = (folder: string) => !contains(workspace, folder)
  const outside = folders.filter(isOutside)
  // A worktree's folder is inside its repository's folder: one mount serves both.
  const writableFolders = outside.filter(
    (folder) => !outside.some((other) => other !== folder && contains(other, folder)),
  )
  const pinnedFolders = folders.filter((folder) => !isOutside(folder))
  return { writableFolders, readOnlyPaths, missingHooks, pinnedFolders }
}

const text = (path: string) => readFile(path, 'utf8').catch(() => '')
const real = (path: string) => realpath(path).catch(() => undefined)
const exists = async (path: string) => (await lstat(path).catch(() => undefined)) !== undefined

async function isPlain(path: string): Promise<boolean> {
  const stats = await lstat(path).catch(() => undefined)
  return stats !== undefined && !stats.isSymbolicLink()
}
