/**
 * Where the logs of one tool are: a folder that only this user may enter, made when it is needed. The
 * latest logs are kept, also when the process ends, since a conversation that goes on elsewhere may
 * name them; older ones make room. What processes left that are long gone is removed by the next one.
 */
import { chmod, lstat, mkdtemp, readdir, rmdir, unlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const keptMax = 10
/** The name tells whose it is, so that others can see whether that process is there still. */
const namePattern = /^loom-bash-(\d+)-\w{6}$/
const leftAfterMs = 24 * 60 * 60_000

export class LogFolder {
  readonly #parent: string
  #made: Promise<string> | undefined
  #kept: string[] = []
  /** Commands that have files here now. */
  #users = 0

  constructor(parent: string = tmpdir()) {
    this.#parent = parent
  }

  /**
   * The folder's path, for one command; `leave` is called once for each call of this.
   * @param isForOthers whether commands run as another user: they find in it what they know by name.
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

  /** Removes the folder where no log is kept and no command runs. */
  async leave(): Promise<void> {
    this.#users -= 1
    if (this.#users > 0 || this.#kept.length > 0) return
    const made = this.#made
    this.#made = undefined
    const path = await made?.catch(() => undefined)
    // One that is not empty stays: the files there are not ours to judge.
    if (path !== undefined) await rmdir(path).catch(() => undefined)
  }

  async #path(): Promise<string> {
    const made = this.#made
    // What cleans /tmp up takes a folder that was not used for days.
    const isGone = made !== undefined && !(await isOwn(await made))
    if (isGone && this.#made === made) this.#made = undefined
    this.#made ??= this.#make().catch((error: unknown) => {
      // A full disk may have room later.
      this.#made = undefined
      throw error
    })
    return this.#made
  }

  async #make(): Promise<string> {
    const path = await mkdtemp(join(this.#parent, `loom-bash-${process.pid}-`))
    await removeLeftFolders(this.#parent)
    return path
  }

  /** Counts a log that is there, and removes the oldest where they are too many. */
  async keep(log: string): Promise<void> {
    this.#kept.push(log)
    const old = this.#kept.splice(0, Math.max(0, this.#kept.length - keptMax))
    await Promise.all(old.map((path) => unlink(path).catch(() => undefined)))
  }
}

/** A folder of this user, and no link to one. */
async function isOwn(path: string): Promise<boolean> {
  const stats = await lstat(path).catch(() => undefined)
  return stats?.isDirectory() === true && stats.uid === (process.getuid?.() ?? stats.uid)
}

/** Never fails: what cannot be removed is in nobody's way. */
async function removeLeftFolders(parent: string): Promise<void> {
  const names = await readdir(parent).catch(() => [])
  for (const name of names) {
    const pid = namePattern.exec(name)?.[1]
    const path = join(parent, name)
    if (pid !== undefined && (await isLeft(path, Number(pid)))) await removeFolder(path)
  }
}

async function isLeft(path: string, pid: number): Promise<boolean> {
  if (!(await isOwn(path))) return false
  const stats = await lstat(path).catch(() => undefined)
  if (stats === undefined || Date.now() - stats.mtimeMs < leftAfterMs) return false
  // In a container every process of ours may have the same number.
  return pid === process.pid ? stats.mtimeMs < performance.timeOrigin : !isRunning(pid)
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    // Any other failure says that there is one, of somebody else's.
    return !(error instanceof Error && 'code' in error && error.code === 'ESRCH')
  }
}

/** One by one and not as a tree: nothing but files is ours, and a link is removed and not followed. */
async function removeFolder(path: string): Promise<void> {
  const names = await readdir(path).catch(() => [])
  for (const name of names) await unlink(join(path, name)).catch(() => undefined)
  await rmdir(path).catch(() => undefined)
}
