/**
 * Walks from the root of a workspace to one entry. It opens each directory inside the one before, never
 * through a link. It reads links and walks their targets itself, so that a path cannot lead out of the
 * root during the walk. Never resolve a path from a model in any other way.
 */
import type { BigIntStats } from 'node:fs'
import { realpath } from 'node:fs/promises'
import { dirname, join, relative, resolve, sep } from 'node:path'

import { Directory, errorCode } from './directory.ts'
import { FileRefusal, quoted } from './file-error.ts'
import { type Similarity, similarName } from './similar-name.ts'

/** The folder of Loom's own records in a workspace. File tools may not access it. */
export const reservedName = '.loom'

/** The number of links that Linux follows in one path. */
const linksMax = 40

export interface Root {
  /** The real path. */
  path: string
  /** The path of the settings, which may contain links. An absolute path may begin with either. */
  alias: string
  /** Whether directories are addressed by their descriptors (`directory.ts`). */
  anchored: boolean
}

/** An entry, or the place of a missing one. The caller must close its directory. */
export interface WalkEntry {
  directory: Directory
  name: string
  /** The path relative to the root, without links; `.` is the root itself. */
  path: string
  /** Undefined if the entry does not exist. */
  stats: BigIntStats | undefined
}

export interface WalkOptions {
  /** Creates missing directories. */
  create?: boolean
  /** Refuses a path that ends like a directory's: a file created there would have another name. */
  file?: boolean
  /** Allows access to Loom's own records. */
  reserved?: boolean
}

interface Step {
  directory: Directory
  /** The parts of the path that the walk has passed. None is a link. */
  behind: string[]
  /** The parts that remain. */
  ahead: string[]
  links: number
}

/**
 * Walks to an entry.
 * @throws FileRefusal if the path leads out of the root, or through an entry that is no directory.
 */
export async function locate(
  root: Root,
  path: string,
  options: WalkOptions = {},
): Promise<WalkEntry> {
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

/** Walks one part further. Returns the place if that was the last part. */
async function walkOn(step: Step, walk: Walk): Promise<WalkEntry | undefined> {
  const { directory, behind, ahead } = step
  const part = ahead.shift()
  if (part === undefined) return placeAt(step, '.')
  if (part === '' || part === '.') return undefined
  if (part === '..') {
    if (behind.length === 0) throw outside(walk.path, 'a link in it leads there')
    return restart(step, walk, [...behind.slice(0, -1), ...ahead])
  }
  if (
    behind.length === 0 &&
    part.toLowerCase() === reservedName &&
    walk.options.reserved !== true
  ) {
    throw new FileRefusal(`${quoted(walk.path)} is reserved: it holds records of this server.`)
  }
  const isLast = ahead.every((next) => next === '' || next === '.')
  // The model may create a new file beside one with other quotes or dashes. It must not create a file that a
  // human cannot tell from another one, nor a second directory.
  const similarity = isLast && walk.options.create === true ? 'invisible' : 'visible'
  const { name, stats } = await entryWithName(directory, part, similarity)
  if (stats?.isSymbolicLink() === true) return followLink(step, walk, name)
  if (isLast) return placeAt(step, name, stats)
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

/** Returns the entry with a name, or the only one whose name looks the same. */
async function entryWithName(
  directory: Directory,
  requested: string,
  similarity: Similarity,
): Promise<{ name: string; stats: BigIntStats | undefined }> {
  const stats = await directory.entry(requested)
  if (stats !== undefined) return { name: requested, stats }
  const names = await directory.names().catch((): string[] => [])
  const name = similarName(requested, names, similarity)
  // Loom's own records match only by their exact name.
  if (name === undefined || name === reservedName) return { name: requested, stats }
  return { name, stats: await directory.entry(name) }
}

async function placeAt(step: Step, name: string, stats?: BigIntStats): Promise<WalkEntry> {
  const { directory, behind } = step
  if (name !== '.') return { directory, name, stats, path: [...behind, name].join('/') }
  const own = await directory.entry('.')
  return { directory, name, stats: own, path: behind.join('/') || '.' }
}

async function followLink(step: Step, walk: Walk, name: string): Promise<undefined> {
  if (++step.links > linksMax) throw new FileRefusal(`${quoted(walk.path)}: too many links.`)
  const target = await step.directory.linkTarget(name)
  const from = resolve(walk.root.path, ...step.behind)
  // A link may leave the root and lead back to it, by another path of the root.
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
  const previous = step.directory
  step.directory = directory
  await previous.close()
}

/**
 * Returns whether a link's target goes above the root at any point.
 * @param depth the number of directories between the root and the link
 */
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

/** Returns the parts below the root. The walk starts again with them, so a race cannot lead outside. */
async function partsOfOutside({ root, path }: Walk, target: string): Promise<string[]> {
  const real = await realpathOfDeepest(target)
  const parts = partsBelow(root.path, real)
  if (parts === undefined) throw outside(path, 'a link in it leads there')
  return parts
}

/** Returns the real path of the deepest part that exists, followed by the remaining parts unchanged. */
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
  if (path.includes('\0')) throw new FileRefusal('A path must not hold a NUL character.')
  if (path.trim() === '') throw new FileRefusal('The path is empty: "." is the workspace itself.')
  const absolute = resolve(root.path, path)
  const parts = partsBelow(root.path, absolute) ?? partsBelow(root.alias, absolute)
  if (parts === undefined) throw outside(path)
  return parts
}

function partsBelow(root: string, path: string): string[] | undefined {
  if (path === root) return []
  // With the separator, since "/work-evil" begins with "/work" too.
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
