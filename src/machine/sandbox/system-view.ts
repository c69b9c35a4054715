/**
 * The part of the machine that a confined command sees: the programs, and those settings that every user
 * may read. The second rule hides `/etc/shadow` and private keys from commands of a Loom that runs as
 * root, which file permissions do not stop.
 */
import type { Dirent } from 'node:fs'
import { lstat, readdir, readlink, realpath, stat } from 'node:fs/promises'
import { basename, dirname, isAbsolute, join, relative, resolve } from 'node:path'

import type { SandboxOptions } from './options.ts'
import { toolchainsIn } from './toolchains.ts'

export interface SystemView {
  folders: readonly string[]
  /** Links such as `/bin -> usr/bin`, which most systems have. */
  links: readonly { path: string; target: string }[]
  /** Paths in the folders that the command sees empty. */
  privatePaths: readonly { path: string; isFolder: boolean }[]
  /** Folders of `PATH` outside the system's folders, and the folders that their programs need. */
  programs: readonly string[]
}

const systemFolders = ['/usr', '/bin', '/sbin', '/lib', '/lib32', '/lib64', '/libx32', '/etc']
/** The program folders of NixOS. Every user may read the store. */
const nixFolders = ['/nix/store', '/run/current-system/sw']
const settings = ['/etc', '/usr/local/etc']

const readableByAll = 0o004
const enterableByAll = 0o005

/** Reads the system's folders and the user's programs. */
export async function readSystemView(options: SandboxOptions): Promise<SystemView> {
  const folders: string[] = []
  const links: SystemView['links'][number][] = []
  for (const path of [...systemFolders, ...nixFolders]) {
    const stats = await lstat(path).catch(() => undefined)
    if (stats?.isDirectory() === true) folders.push(path)
    if (stats?.isSymbolicLink() === true) links.push({ path, target: await readlink(path) })
  }
  const systemPaths = [...folders, ...links.map(({ path }) => path)]
  const privatePaths = (await Promise.all(settings.map(privateIn))).flat()
  if (options.network === true) folders.push(...(await nameServers()))
  return { folders, links, privatePaths, programs: await programFolders(options, systemPaths) }
}

/** Returns whether a path is a folder itself or is inside it. */
export function contains(folder: string, path: string): boolean {
  const from = relative(folder, path)
  return from === '' || (!from.startsWith('..') && !isAbsolute(from))
}

async function privateIn(folder: string): Promise<SystemView['privatePaths'][number][]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch((): Dirent[] => [])
  const found = entries.map(async (entry) => {
    const path = join(folder, entry.name)
    if (entry.isSymbolicLink()) return []
    const isFolder = entry.isDirectory()
    const needed = isFolder ? enterableByAll : readableByAll
    const stats = await lstat(path).catch(() => undefined)
    if (stats === undefined) return []
    if ((stats.mode & needed) !== needed) return [{ path, isFolder }]
    return isFolder ? privateIn(path) : []
  })
  return (await Promise.all(found)).flat()
}

/** `resolv.conf` is often a link into `/run`, which a command does not see. */
async function nameServers(): Promise<string[]> {
  const real = await realpath('/etc/resolv.conf').catch(() => undefined)
  return real === undefined || real.startsWith('/etc/') ? [] : [real]
}

/**
 * Returns the program folders of `PATH`. A developer's `node` is often below the home folder, which is
 * hidden. A folder of programs (`bin`, `.bin`, `sbin`) holds no secrets. A folder with another name is
 * shown only if `toolchains.ts` lists it.
 */
async function programFolders(
  { environment }: SandboxOptions,
  systemPaths: readonly string[],
): Promise<string[]> {
  const home = environment['HOME'] ?? '/'
  const known = toolchainsIn(environment)
  const plain = (environment['PATH'] ?? '')
    .split(':')
    .filter((path) => isAbsolute(path) && !contains(path, home))
    .filter((path) => ['bin', '.bin', 'sbin'].includes(basename(path)))
    .flatMap((path) => (basename(path) === 'bin' ? [path, join(dirname(path), 'lib')] : [path]))
  const candidates = [...known.needs, ...known.programs, ...plain].map((path) => resolve(path))
  const shown: string[] = []
  for (const path of candidates) {
    const isShown = [...systemPaths, ...shown].some((folder) => contains(folder, path))
    if (!isShown && !contains(path, home) && (await exists(path))) shown.push(path)
  }
  return shown
}

const exists = (path: string) =>
  stat(path).then(
    () => true,
    () => false,
  )
