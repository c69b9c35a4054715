/**
 * The one directory that file tools may touch. Every path of a model goes through here: it is walked
 * from the root (`workspace/walk.ts`), and what was opened is looked at again before it is used.
 * Changes to a file are made one at a time, noted in a journal, and put in place in one step.
 */
import { type BigIntStats, constants } from 'node:fs'
import { type FileHandle, readlink, realpath, stat } from 'node:fs/promises'
import { dirname, resolve, sep } from 'node:path'

import { errorMessage, LoomError } from './error.ts'
import { changeFile, type Changed, type ChangeRequest } from './workspace/change.ts'
import { canAnchor } from './workspace/directory.ts'
import { fileError, FileRefusal, quoted } from './workspace/file-error.ts'
import { Leftovers } from './workspace/leftovers.ts'
import { PathTurns } from './workspace/path-turns.ts'
import { Readings } from './workspace/readings.ts'
import { locate, type Place, type Root, type WalkOptions } from './workspace/walk.ts'

/** A regular file, open for reading. Close the handle. */
export interface OpenFile {
  handle: FileHandle
  stats: BigIntStats
  /** From the root, with no link in it. */
  path: string
}

/** One directory, for all the tools that are to know what one another read and changed. */
export class Workspace {
  readonly #root: Root
  readonly #turns = new PathTurns()
  readonly #leftovers = new Leftovers()
  readonly readings = new Readings()

  private constructor(root: Root) {
    this.#root = root
  }

  /** @throws LoomError `invalid-config` where there is no such directory. */
  static async open(directory: string): Promise<Workspace> {
    try {
      const path = await realpath(directory)
      if (!(await stat(path)).isDirectory()) throw new Error('it is not a directory')
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

  /** The real path of the root. */
  get root(): string {
    return this.#root.path
  }

  /** Opens a regular file that exists: no directory, device, FIFO or socket. */
  async openFile(path: string): Promise<OpenFile> {
    return this.#at(path, { file: true }, (place) => openFileAt(this.#root, place, path))
  }

  /** What there is under a path: its path from the root without links, and of what kind it is. */
  async look(path: string): Promise<{ path: string; stats: BigIntStats }> {
    return this.#at(path, {}, async (place) => {
      if (place.stats === undefined) throw new FileRefusal(`There is no ${quoted(path)}.`)
      return { path: place.path, stats: place.stats }
    })
  }

  /** Changes one file, or makes it, after all changes to it that were asked for before. */
  async change(request: ChangeRequest): Promise<Changed> {
    const { path, create, signal } = request
    return this.#at(path, { create, file: true }, async (place) => {
      const changed = await this.#turns.take(place.path, signal, () =>
        changeFile({
          request,
          place,
          root: this.#root,
          readings: this.readings,
          open: () => openFileAt(this.#root, place, path),
        }),
      )
      await this.#leftovers.remove(place.directory, dirname(place.path))
      return changed
    })
  }

  async #at<RESULT>(
    path: string,
    options: WalkOptions,
    work: (place: Place) => Promise<RESULT>,
  ): Promise<RESULT> {
    try {
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

async function openFileAt(root: Root, place: Place, path: string): Promise<OpenFile> {
  // Looked at before it is opened, too: opening a device can have effects.
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

/** What the system says that it opened: a directory may have been moved out while it was walked. */
async function checkInside(root: Root, file: OpenFile, path: string): Promise<void> {
  const real = root.anchored
    ? await readlink(`/proc/self/fd/${file.handle.fd}`)
    : await realpathOfSame(resolve(root.path, file.path), file.stats)
  const prefix = root.path.endsWith(sep) ? root.path : root.path + sep
  if (real?.startsWith(prefix) === true) return
  throw new FileRefusal(`${quoted(path)} was moved while it was being opened.`)
}

async function realpathOfSame(path: string, opened: BigIntStats): Promise<string | undefined> {
  const real = await realpath(path)
  const { dev, ino } = await stat(real, { bigint: true })
  return dev === opened.dev && ino === opened.ino ? real : undefined
}

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
