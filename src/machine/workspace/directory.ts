/**
 * An open directory, and the paths of its entries. On Linux a path goes through `/proc/self/fd`, so it
 * names this directory even if its own path changes: no other process can put a link in its place between
 * the check and the use. On other systems it is an ordinary path, and a short race remains.
 */
import { type BigIntStats, constants } from 'node:fs'
import {
  type FileHandle,
  lchown,
  lstat,
  mkdir,
  open,
  readdir,
  readlink,
  rename,
  stat,
  unlink,
} from 'node:fs/promises'

const { O_DIRECTORY, O_NOFOLLOW, O_RDONLY } = constants

/** Returns whether this system can address an open directory by its descriptor. */
export async function canAnchor(path: string): Promise<boolean> {
  if (process.platform !== 'linux') return false
  const handle = await open(path, O_RDONLY | O_DIRECTORY)
  try {
    const [own, seen] = await Promise.all([
      handle.stat({ bigint: true }),
      stat(`/proc/self/fd/${handle.fd}/.`, { bigint: true }),
    ])
    return own.ino === seen.ino && own.dev === seen.dev
  } catch {
    // This system has no /proc.
    return false
  } finally {
    await handle.close()
  }
}

export class Directory {
  readonly #handle: FileHandle
  readonly #path: string
  readonly #anchored: boolean

  private constructor(handle: FileHandle, path: string, anchored: boolean) {
    this.#handle = handle
    this.#path = path
    this.#anchored = anchored
  }

  /** @param path a path whose last part is no link */
  static async open(path: string, anchored: boolean): Promise<Directory> {
    const handle = await open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
    return new Directory(handle, path, anchored)
  }

  /** Returns the path of an entry. */
  at(name: string): string {
    return `${this.#anchored ? `/proc/self/fd/${this.#handle.fd}` : this.#path}/${name}`
  }

  /** Opens a directory in this one. Rejects if it is a link. */
  async child(name: string): Promise<Directory> {
    const handle = await open(this.at(name), O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
    return new Directory(handle, `${this.#path}/${name}`, this.#anchored)
  }

  /** Returns the status of an entry, of a link itself and not of its target; undefined if none exists. */
  async entry(name: string): Promise<BigIntStats | undefined> {
    try {
      return await lstat(this.at(name), { bigint: true })
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return undefined
      throw error
    }
  }

  /** Opens an entry. It follows no link, and does not wait for the other end of a FIFO. */
  openEntry(name: string, flags: number, mode?: number): Promise<FileHandle> {
    return open(this.at(name), flags | O_NOFOLLOW | constants.O_NONBLOCK, mode)
  }

  linkTarget(name: string): Promise<string> {
    return readlink(this.at(name))
  }

  names(): Promise<string[]> {
    return readdir(this.at('.'))
  }

  /**
   * Returns the user and group of the directory if Loom runs as root and the directory is not root's.
   * These own the files that Loom creates here: otherwise the user's programs, and commands that run as
   * this user, could not change them.
   */
  async newFileOwner(): Promise<{ uid: number; gid: number } | undefined> {
    if (process.getuid?.() !== 0) return undefined
    const { uid, gid } = await this.#handle.stat()
    return uid === 0 ? undefined : { uid, gid }
  }

  /** Creates a directory unless it exists. */
  async makeDirectory(name: string): Promise<void> {
    try {
      await mkdir(this.at(name))
      const owner = await this.newFileOwner()
      if (owner !== undefined) await lchown(this.at(name), owner.uid, owner.gid)
    } catch (error) {
      if (errorCode(error) !== 'EEXIST') throw error
    }
  }

  rename(from: string, to: string): Promise<void> {
    return rename(this.at(from), this.at(to))
  }

  remove(name: string): Promise<void> {
    return unlink(this.at(name))
  }

  /** Writes the directory to the disk. A machine crash before that can undo a rename in it. */
  sync(): Promise<void> {
    return this.#handle.sync()
  }

  close(): Promise<void> {
    return this.#handle.close()
  }
}

/** Returns the `code` of a system error, such as `ENOENT`. */
export function errorCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined
  return typeof error.code === 'string' ? error.code : undefined
}
