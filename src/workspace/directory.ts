/**
 * A directory that is held open, and the address of an entry in it. On Linux the address goes through
 * `/proc/self/fd`, so it means this very directory whatever its path has come to mean: nobody can
 * swap a link in between the check and the use. Elsewhere it is a path, and a narrow race is left.
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

/** Whether this system lets an open directory be addressed. */
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
    // No /proc here.
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

  /** @param path whose last part is no link */
  static async open(path: string, anchored: boolean): Promise<Directory> {
    const handle = await open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
    return new Directory(handle, path, anchored)
  }

  at(name: string): string {
    return `${this.#anchored ? `/proc/self/fd/${this.#handle.fd}` : this.#path}/${name}`
  }

  /** The directory of that name in this one; fails where it is a link. */
  async child(name: string): Promise<Directory> {
    const handle = await open(this.at(name), O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
    return new Directory(handle, `${this.#path}/${name}`, this.#anchored)
  }

  /** What is there under the name, a link as a link; undefined if nothing is. */
  async entry(name: string): Promise<BigIntStats | undefined> {
    try {
      return await lstat(this.at(name), { bigint: true })
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return undefined
      throw error
    }
  }

  /** Opens an entry; never through a link, and never waiting for the other end of a FIFO. */
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
   * The user and group that own the directory, where Loom is root and they are not. What root makes
   * here is theirs: their programs, and commands that run as they do, could not change it otherwise.
   */
  async heir(): Promise<{ uid: number; gid: number } | undefined> {
    if (process.getuid?.() !== 0) return undefined
    const { uid, gid } = await this.#handle.stat()
    return uid === 0 ? undefined : { uid, gid }
  }

  /** Makes a directory; one that is there already will do. */
  async makeDirectory(name: string): Promise<void> {
    try {
      await mkdir(this.at(name))
      const heir = await this.heir()
      if (heir !== undefined) await lchown(this.at(name), heir.uid, heir.gid)
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

  /** Until then a rename in it may be forgotten by a crash of the machine. */
  sync(): Promise<void> {
    return this.#handle.sync()
  }

  close(): Promise<void> {
    return this.#handle.close()
  }
}

/** The `code` of a system error. */
export function errorCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined
  return typeof error.code === 'string' ? error.code : undefined
}
