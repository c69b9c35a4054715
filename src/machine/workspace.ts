/**
 * The one directory that file tools may access. Every path from a model goes through this module, which
 * walks it from the root (`workspace/walk.ts`) and checks each opened file again before its use. The
 * module makes one change of a file at a time, records it in a journal, and replaces the file in one step.
 */
import { type BigIntStats, constants } from 'node:fs'
import { type FileHandle, readlink, realpath, stat } from 'node:fs/promises'
import { dirname, resolve, sep } from 'node:path'

import { errorMessage, LoomError } from '../ground/error.ts'
import { late } from '../ground/late.ts'
import type { ChangeResult, ChangeRequest } from './workspace/change.ts'
import { fileError, FileRefusal, quoted } from './workspace/file-error.ts'
import { PathTurns } from './workspace/path-turns.ts'
import { Readings } from './workspace/readings.ts'
import type { WalkEntry, Root, WalkOptions } from './workspace/walk.ts'

// A program that only imports Loom opens no file.
const walks = late(() => import('./workspace/walk.ts'))
const changes = late(() => import('./workspace/change.ts'))
const directories = late(() => import('./workspace/directory.ts'))
const openLeftovers = () =>
  late(async () => {
    const { Leftovers } = await import('./workspace/leftovers.ts')
    return new Leftovers()
  })

/** A regular file, open for reading. The caller must close the handle. */
export interface OpenFile {
  /** The open file. The caller must close it. */
  handle: FileHandle
  /** The file status when the file was opened. */
  stats: BigIntStats
  /** The path relative to the root, without links. */
  path: string
}

/**
 * One directory for file tools. Tools share a workspace so that each one detects the reads and changes of
 * the others.
 * @example
 * ```ts
 * import { editFile, readFile, Workspace } from 'loomkit'
 *
 * const workspace = await Workspace.open('/srv/project')
 * const tools = [readFile(workspace), editFile(workspace)]
 * ```
 */
export class Workspace {
  readonly #root: Root
  readonly #turns = new PathTurns()
  readonly #leftovers = openLeftovers()
  /** The versions of the files that each conversation has read. */
  readonly readings = new Readings()

  private constructor(root: Root) {
    this.#root = root
  }

  /**
   * Opens a workspace.
   * @throws LoomError `invalid-config` if the directory does not exist or cannot be used.
   */
  static async open(directory: string): Promise<Workspace> {
    try {
      const path = await realpath(directory)
      if (!(await stat(path)).isDirectory()) throw new Error('it is not a directory')
      const { canAnchor } = await directories()
      const anchored = await canAnchor(path)
      return new Workspace({ path, alias: resolve(directory), anchored })
    } catch (cause) {
      throw new LoomError(
        'invalid-config',
        `The workspace ${quoted(directory)} cannot be used: ${errorMessage(cause)}`,
        { cause },
      )
    }
  }

  /** The real path of the root directory. */
  get root(): string {
    return this.#root.path
  }

  /**
   * Opens an existing regular file for reading.
   * @throws FileRefusal for a missing file, a directory, a device, a FIFO or a socket.
   */
  async openFile(path: string): Promise<OpenFile> {
    return this.#at(path, { file: true }, (place) => openFileAt(this.#root, place, path))
  }

  /**
   * Returns the entry at a path: its path relative to the root without links, and its file status.
   * @throws FileRefusal if there is no such entry.
   */
  async look(path: string): Promise<{
    /** The path relative to the root, without links. */
    path: string
    /** The file status of the entry. */
    stats: BigIntStats
  }> {
    return this.#at(path, {}, async (place) => {
      if (place.stats === undefined) throw new FileRefusal(`There is no ${quoted(path)}.`)
      return { path: place.path, stats: place.stats }
    })
  }

  /** Changes or creates one file, after all earlier requests for the same file. */
  async change(request: ChangeRequest): Promise<ChangeResult> {
    const { path, create, signal } = request
    const { changeFile } = await changes()
    return this.#at(path, { create, file: true }, async (place) => {
      const change = await this.#turns.take(place.path, signal, () =>
        changeFile({
          request,
          place,
          root: this.#root,
          readings: this.readings,
          open: () => openFileAt(this.#root, place, path),
        }),
      )
      const leftovers = await this.#leftovers()
      await leftovers.remove(place.directory, dirname(place.path))
      return change
    })
  }

  async #at<RESULT>(
    path: string,
    options: WalkOptions,
    work: (place: WalkEntry) => Promise<RESULT>,
  ): Promise<RESULT> {
    try {
      const { locate } = await walks()
      const place = await locate(this.#root, path, options)
      try {
        return await work(place)
      } finally {
        await place.directory.close()
      }
    } catch (error) {
      throw fileError(error, path)
    }
  }
}

async function openFileAt(root: Root, place: WalkEntry, path: string): Promise<OpenFile> {
  // The entry is also checked before it is opened, since opening a device can have effects.
  const before = await place.directory.entry(place.name)
  if (before === undefined) throw new FileRefusal(`There is no ${quoted(path)}.`)
  refuseUnlessFile(before, path)
  const handle = await place.directory.openEntry(place.name, constants.O_RDONLY)
  try {
    const stats = await handle.stat({ bigint: true })
    refuseUnlessFile(stats, path)
    await checkInside(root, { handle, stats, path: place.path }, path)
    return { handle, stats, path: place.path }
  } catch (error) {
    await handle.close()
    throw error
  }
}

/**
 * Checks the real path of the open file: a directory on its path may have moved out of the workspace
 * during the walk.
 */
async function checkInside(root: Root, file: OpenFile, path: string): Promise<void> {
  const real = root.anchored
    ? await readlink(`/proc/self/fd/${file.handle.fd}`)
    : await realpathOfSame(resolve(root.path, file.path), file.stats)
  const prefix = root.path.endsWith(sep) ? root.path : root.path + sep
  if (real?.startsWith(prefix) === true) return
  throw new FileRefusal(`${quoted(path)} was moved while it was being opened: try again.`)
}

async function realpathOfSame(path: string, opened: BigIntStats): Promise<string | undefined> {
  const real = await realpath(path)
  const { dev, ino } = await stat(real, { bigint: true })
  return dev === opened.dev && ino === opened.ino ? real : undefined
}

/** @throws FileRefusal unless the entry is a regular file. */
export function refuseUnlessFile(stats: BigIntStats, path: string): void {
  if (stats.isFile()) return
  throw new FileRefusal(`${quoted(path)} is ${kindOf(stats)}, not a regular file.`)
}

function kindOf(stats: BigIntStats): string {
  if (stats.isDirectory()) return 'a directory'
  if (stats.isFIFO()) return 'a FIFO'
  if (stats.isSocket()) return 'a socket'
  if (stats.isSymbolicLink()) return 'a link that was put there while it was being opened'
  return 'a device'
}
