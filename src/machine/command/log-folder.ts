/**
 * The folder for the logs of one tool, created at its first use, for this user only. It keeps the latest
 * logs, also after the end of the process: a conversation that continues in another process may name them.
 * Each process removes the old folders of processes that have ended.
 */
import { chmod, lstat, mkdtemp, readdir, rmdir, unlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { errorMessage } from '../../ground/error.ts'

const logsMax = 10
/** The name holds the process id, so that another process can check whether the owner still runs. */
const namePattern = /^loom-bash-(\d+)-\w{6}$/
const staleMs = 24 * 60 * 60_000

export class LogFolder {
  readonly #parent: string
  #folder: Promise<string> | undefined
  #logs: string[] = []
  /** The number of running commands with files in the folder. */
  #users = 0

  constructor(parent: string = tmpdir()) {
    this.#parent = parent
  }

  /**
   * Returns the folder's path for one command. The caller must call `leave` once for each call.
   * @param isForOthers whether commands run as another user, which may then open files by their name
   */
  async enter(isForOthers = false): Promise<string> {
    this.#users += 1
    try {
      const path = await this.#path()
      if (isForOthers) await chmod(path, 0o711)
      return path
    } catch (error) {
      this.#users -= 1
      throw error
    }
  }

  /** Removes the folder if it holds no log and no command runs. */
  async leave(): Promise<void> {
    this.#users -= 1
    if (this.#users > 0 || this.#logs.length > 0) return
    const folder = this.#folder
    this.#folder = undefined
    const path = await folder?.catch(() => undefined)
    // A folder that is not empty stays, since its files may not be Loom's.
    if (path !== undefined) await rmdir(path).catch(() => undefined)
  }

  async #path(): Promise<string> {
    const folder = this.#folder
    // A cleanup of /tmp may remove a folder that was unused for days.
    const isGone = folder !== undefined && !(await isOwn(await folder))
    if (isGone && this.#folder === folder) this.#folder = undefined
    this.#folder ??= this.#make().catch((error: unknown) => {
      // The next command tries again, since a full disk may have space later.
      this.#folder = undefined
      throw error
    })
    return this.#folder
  }

  async #make(): Promise<string> {
    const path = await mkdtemp(join(this.#parent, `loom-bash-${process.pid}-`)).catch(
      (cause: unknown) => {
        const problem = `${this.#parent} cannot hold the logs of commands: ${errorMessage(cause)}`
        throw new Error(`${problem}. Set TMPDIR to a folder for temporary files.`, { cause })
      },
    )
    await removeStaleFolders(this.#parent)
    return path
  }

  /** Counts a new log, and removes the oldest if there are too many. */
  async keep(log: string): Promise<void> {
    this.#logs.push(log)
    const old = this.#logs.splice(0, Math.max(0, this.#logs.length - logsMax))
    await Promise.all(old.map((path) => unlink(path).catch(() => undefined)))
  }
}

/** Returns whether a path is a folder of this user, and no link to one. */
async function isOwn(path: string): Promise<boolean> {
  const stats = await lstat(path).catch(() => undefined)
  return stats?.isDirectory() === true && stats.uid === (process.getuid?.() ?? stats.uid)
}

/** Removes the folders of processes that have ended. It never rejects: a remaining folder does no harm. */
async function removeStaleFolders(parent: string): Promise<void> {
  const names = await readdir(parent).catch(() => [])
  for (const name of names) {
    const pid = namePattern.exec(name)?.[1]
    const path = join(parent, name)
    if (pid !== undefined && (await isStale(path, Number(pid)))) await removeFolder(path)
  }
}

async function isStale(path: string, pid: number): Promise<boolean> {
  if (!(await isOwn(path))) return false
  const stats = await lstat(path).catch(() => undefined)
  if (stats === undefined || Date.now() - stats.mtimeMs < staleMs) return false
  // In a container, each process of Loom may have the same id.
  return pid === process.pid ? stats.mtimeMs < performance.timeOrigin : !isRunning(pid)
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    // Any other error means that the process exists and belongs to another user.
    return !(error instanceof Error && 'code' in error && error.code === 'ESRCH')
  }
}

/** Removes the files one by one: Loom creates only files there, and `unlink` does not follow a link. */
async function removeFolder(path: string): Promise<void> {
  const names = await readdir(path).catch(() => [])
  for (const name of names) await unlink(join(path, name)).catch(() => undefined)
  await rmdir(path).catch(() => undefined)
}
