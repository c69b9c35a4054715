/**
 * What a confined command sees of the machine: its programs, and of its settings what every user of
 * it may read. The second rule is what keeps `/etc/shadow` and private keys from a Loom that runs as
 * root, since no permission does.
 */
import type { Dirent } from 'node:fs'
import { lstat, readdir, readlink, realpath, stat } from 'node:fs/promises'
import { basename, dirname, isAbsolute, join, relative, resolve } from 'node:path'

import type { SandboxOptions } from './options.ts'
import { toolchainsIn } from './toolchains.ts'

export interface SystemView {
  folders: readonly string[]
  /** `/bin -> usr/bin`, as most systems have it. */
  links: readonly { path: string; target: string }[]
  /** What of the folders is not shown. */
  masked: readonly { path: string; isFolder: boolean }[]
  /** Folders of `PATH` beside the system's, with what the programs there need. */
  programs: readonly string[]
}

const systemFolders = ['/usr', '/bin', '/sbin', '/lib', '/lib32', '/lib64', '/libx32', '/etc']
/** NixOS keeps its programs there. Everybody may read the store. */
const elsewhere = ['/nix/store', '/run/current-system/sw']
const settings = ['/etc', '/usr/local/etc']

const readableByAll = 0o004
const enterableByAll = 0o005

export async function readSystemView(options: SandboxOptions): Promise<SystemView> {
  const folders: string[] = []
  const links: SystemView['links'][number][] = []
  for (const path of [...systemFolders, ...elsewhere]) {
    const stats = await lstat(path).catch(() => undefined)
    if (stats?.isDirectory() === true) folders.push(path)
    if (stats?.isSymbolicLink() === true) links.push({ path, target: await readlink(path) })
  }
  const seen = [...folders, ...links.map(({ path }) => path)]
  const masked = (await Promise.all(settings.map(privateIn))).flat()
  if (options.network === true) folders.push(...(await nameServers()))
  return { folders, links, masked, programs: await programFolders(options, seen) }
}

/** Whether a path is a folder or something in it. */
export function contains(folder: string, path: string): boolean {
  const from = relative(folder, path)
  return from === '' || (!from.startsWith('..') && !isAbsolute(from))
}

async function privateIn(folder: string): Promise<SystemView['masked'][number][]> {
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

/** `resolv.conf` often stands under `/run`, which is not shown. */
async function nameServers(): Promise<string[]> {
  const real = await realpath('/etc/resolv.conf').catch(() => undefined)
  return real === undefined || real.startsWith('/etc/') ? [] : [real]
}

/**
 * A developer's `node` is often below the home folder, which is hidden. A folder of programs holds no
 * secrets. Folders of other names are shown where `toolchains.ts` knows what stands there.
 */
async function programFolders(
  { environment }: SandboxOptions,
  seen: readonly string[],
): Promise<string[]> {
  const home = environment['HOME'] ?? '/'
  const known = toolchainsIn(environment)
  const plain = (environment['PATH'] ?? '')
    .split(':')
    .filter((path) => isAbsolute(path) && !contains(path, home))
    .filter((path) => ['bin', '.bin', 'sbin'].includes(basename(path)))
    .flatMap((path) => (basename(path) === 'bin' ? [path, join(dirname(path), 'lib')] : [path]))
  const wanted = [...known.needs, ...known.programs, ...plain].map((path) => resolve(path))
  const shown: string[] = []
  for (const path of wanted) {
    const isShown = [...seen, ...shown].some((folder) => contains(folder, path))
    if (!isShown && !contains(path, home) && (await exists(path))) shown.push(path)
  }
  return shown
}

const exists = (path: string) =>
  stat(path).then(
    () => true,
    () => false,
  )
