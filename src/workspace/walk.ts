/**
 * From the root of a workspace to one entry, a directory at a time, each opened in the one before and
 * never through a link. Links are read and walked here, so that a path cannot lead out of the root
 * while it is being looked at. Never resolve a path of a model in any other way.
 */
import type { BigIntStats } from 'node:fs'
import { realpath } from 'node:fs/promises'
import { dirname, join, relative, resolve, sep } from 'node:path'

import { Directory, errorCode } from './directory.ts'
import { FileRefusal, quoted } from './file-error.ts'
import { similarName } from './similar-name.ts'

/** Where the workspace keeps its own notes; file tools have no business there. */
export const reservedName = '.loom'

/** As many links as Linux follows in one path. */
const linksMax = 40

export interface Root {
  /** Without links. */
  path: string
  /** As it was configured, if that differs: an absolute path may begin with either. */
  alias: string
  anchored: boolean
}

/** One entry, or the place for one. Its directory is open: close it. */
export interface Place {
  directory: Directory
  name: string
  /** From the root, with no link in it; `.` is the root itself. */
  path: string
  /** Undefined where nothing is yet. */
  stats: BigIntStats | undefined
}

export interface WalkOptions {
  /** Makes the directories that are missing. */
  create?: boolean
  /** Refuses a path that can only be a directory's: a file made there is not the one that was meant. */
  file?: boolean
  /** For the workspace's own notes. */
  reserved?: boolean
}

interface Step {
  directory: Directory
  /** The parts behind us, none of them a link. */
  behind: string[]
  ahead: string[]
  links: number
}

/** @throws FileRefusal where the path leads out of the root, or through something not a directory. */
export async function locate(root: Root, path: string, options: WalkOptions = {}): Promise<Place> {
  const ahead = partsWithin(root, path)
  if (options.file === true && /\/\.?$/.test(path)) {
    throw new FileRefusal(`${quoted(path)} is the name of a directory, not of a file.`)
  }
  const step: Step = { directory: await openRoot(root), behind: [], ahead, links: 0 }
  try {
    for (;;) {
      const place = await walkOn(step, { root, path, options })
      if (place !== undefined) return place
    }
  } catch (error) {
    await step.directory.close()
    throw error
  }
}

interface Walk {
  root: Root
  path: string
  options: WalkOptions
}

/** One part further; the place if that was the last. */
async function walkOn(step: Step, walk: Walk): Promise<Place | undefined> {
  const { directory, behind, ahead } = step
  const written = ahead.shift()
  if (written === undefined) return placeAt(step, '.')
  if (written === '' || written === '.') return undefined
  if (written === '..') {
    if (behind.length === 0) throw outside(walk.path, 'a link in it leads there')
    return restart(step, walk, [...behind.slice(0, -1), ...ahead])
  }
  if (
    behind.length === 0 &&
    written.toLowerCase() === reservedName &&
    walk.options.reserved !== true
  ) {
    throw new FileRefusal(`${quoted(walk.path)} is reserved: it holds notes of this server.`)
  }
  const { name, stats } = await entryNamed(directory, written, walk.options)
  if (stats?.isSymbolicLink() === true) return followLink(step, walk, name)
  if (ahead.every((part) => part === '' || part === '.')) return placeAt(step, name, stats)
  if (stats === undefined && walk.options.create !== true) {
    throw new FileRefusal(`There is no ${quoted(walk.path)}: ${quoted(name)} does not exist.`)
  }
  if (stats === undefined) await directory.makeDirectory(name)
  else if (!stats.isDirectory()) {
    throw new FileRefusal(`${quoted([...behind, name].join('/'))} is not a directory.`)
  }
  await enter(step, await directory.child(name))
  behind.push(name)
  return undefined
}

/**
 * The entry of that name, or the only one whose name looks the same. A file that may be made is not
 * taken for one whose quotes or dashes differ: both may be wanted.
 */
async function entryNamed(
  directory: Directory,
  written: string,
  { create = false }: WalkOptions,
): Promise<{ name: string; stats: BigIntStats | undefined }> {
  const stats = await directory.entry(written)
  if (stats !== undefined) return { name: written, stats }
  const names = await directory.names().catch((): string[] => [])
  const name = similarName(written, names, create)
  // Loom's own notes are found by their exact name only.
  if (name === undefined || name === reservedName) return { name: written, stats }
  return { name, stats: await directory.entry(name) }
}

async function placeAt(step: Step, name: string, stats?: BigIntStats): Promise<Place> {
  const { directory, behind } = step
  if (name !== '.') return { directory, name, stats, path: [...behind, name].join('/') }
  const own = await directory.entry('.')
  return { directory, name, stats: own, path: behind.join('/') || '.' }
}

async function followLink(step: Step, walk: Walk, name: string): Promise<undefined> {
  if (++step.links > linksMax) throw new FileRefusal(`${quoted(walk.path)}: too many links.`)
  const target = await step.directory.linkTarget(name)
  const from = resolve(walk.root.path, ...step.behind)
  // A link that leaves the root may come back to it, under whatever name the root has from there.
  const parts = leadsOut(target, step.behind.length)
    ? await partsOfOutside(walk, resolve(from, target))
    : [...step.behind, ...target.split(sep)]
  return restart(step, walk, [...parts, ...step.ahead])
}

async function restart(step: Step, { root }: Walk, ahead: string[]): Promise<undefined> {
  step.ahead = ahead
  step.behind = []
  await enter(step, await openRoot(root))
  return undefined
}

async function enter(step: Step, directory: Directory): Promise<void> {
  const left = step.directory
  step.directory = directory
  await left.close()
}

/** Whether a link's target goes above the root at any point, from so many directories below it. */
function leadsOut(target: string, depth: number): boolean {
  if (target.startsWith(sep)) return true
  let at = depth
  for (const part of target.split(sep)) {
    if (part === '..') at--
    else if (part !== '' && part !== '.') at++
    if (at < 0) return true
  }
  return false
}

/** What is found here is walked again from the root: a race can only name another place inside. */
async function partsOfOutside({ root, path }: Walk, target: string): Promise<string[]> {
  const real = await realpathOfDeepest(target)
  const parts = partsBelow(root.path, real)
  if (parts === undefined) throw outside(path, 'a link in it leads there')
  return parts
}

/** The real path of the deepest part that exists, and the rest as it is written. */
async function realpathOfDeepest(path: string): Promise<string> {
  try {
    return await realpath(path)
  } catch (error) {
    const parent = dirname(path)
    if (errorCode(error) !== 'ENOENT' || parent === path) return path
    return join(await realpathOfDeepest(parent), relative(parent, path))
  }
}

function partsWithin(root: Root, path: string): string[] {
  if (path.includes('\0')) throw new FileRefusal('A path cannot hold a NUL character.')
  if (path.trim() === '') throw new FileRefusal('The path is empty: "." is the workspace itself.')
  const absolute = resolve(root.path, path)
  const parts = partsBelow(root.path, absolute) ?? partsBelow(root.alias, absolute)
  if (parts === undefined) throw outside(path)
  return parts
}

function partsBelow(root: string, path: string): string[] | undefined {
  if (path === root) return []
  // With its separator: "/work-evil" begins with "/work" too.
  const prefix = root.endsWith(sep) ? root : root + sep
  return path.startsWith(prefix) ? path.slice(prefix.length).split(sep) : undefined
}

function outside(path: string, why?: string): FileRefusal {
  const reason = why === undefined ? '' : ` (${why})`
  return new FileRefusal(
    `${quoted(path)} is outside the workspace${reason}. Paths are relative to the workspace.`,
  )
}

async function openRoot(root: Root): Promise<Directory> {
  try {
    return await Directory.open(root.path, root.anchored)
  } catch (error) {
    throw new FileRefusal('The workspace itself cannot be opened.', { cause: error })
  }
}
