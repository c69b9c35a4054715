/**
 * The lock of a folder: a file that names the process which uses the folder. The process renews the time of
 * the file, so that a process on another machine or in another container can see that it lives. A lock of a
 * process that has ended is taken over.
 */
import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { link, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

import { LoomError } from '../../ground/error.ts'
import { codeOf } from './failure.ts'

/** The process that uses the folder. */
interface Holder {
  token: string
  pid: number
  host: string
  /** The boot of the machine and the start of the process in it, which a later process with the same pid does not share. Linux only. */
  started: string | undefined
}

export interface FolderLock {
  release(): Promise<void>
}

export interface FolderLockOptions {
  /** Called if another process took the folder, for example after this one was frozen. */
  onLost: (error: LoomError) => void
  /** Called if the lock could not be renewed. @defaultValue ignores it */
  onFailure?: () => void
}

const renewEveryMs = 1000
/** A lock that nobody renewed for this time belongs to a process that has ended, in milliseconds. */
const silentMs = 4 * renewEveryMs

/** @throws LoomError `invalid-config` if another process uses the folder; errors of the file system */
export async function lockFolder(
  folder: string,
  { onLost, onFailure }: FolderLockOptions,
): Promise<FolderLock> {
  const path = join(folder, 'lock')
  const own: Holder = {
    token: randomUUID(),
    pid: process.pid,
    host: hostname(),
    started: startOf(process.pid),
  }
  while (!(await create(path, own))) {
    const holder = await newHolderIn(path)
    if (holder !== undefined && (await isAlive(path, holder))) throw inUse(folder, holder)
    await removeLock(path, holder?.token)
  }
  const renew = async () => {
    const holder = await holderIn(path)
    if (holder?.token === own.token) {
      const now = new Date()
      return utimes(path, now, now)
    }
    clearInterval(timer)
    const text =
      holder === undefined
        ? `The lock of ${folder} was removed, maybe with the folder. Start the server again.`
        : `Another process uses ${folder} now.`
    onLost(new LoomError('unavailable', text))
  }
  // The next renewal follows soon.
  const timer = setInterval(() => void renew().catch(onFailure), renewEveryMs).unref()
  return {
    async release() {
      clearInterval(timer)
      if ((await holderIn(path).catch(() => undefined))?.token === own.token) {
        await rm(path, { force: true })
      }
    },
  }
}

/** Creates the lock with its content, in one step. Returns false if there is one. */
async function create(path: string, own: Holder): Promise<boolean> {
  const draft = `${path}.${own.token}`
  await writeFile(draft, JSON.stringify(own), { mode: 0o600 })
  try {
    await link(draft, path)
    return true
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false
    if (!['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EXDEV'].includes(codeOf(error))) throw error
    return await createWithoutLinks(path, own)
  } finally {
    await rm(draft, { force: true })
  }
}

/** For file systems without links. The content follows a moment after the file. */
async function createWithoutLinks(path: string, own: Holder): Promise<boolean> {
  try {
    await writeFile(path, JSON.stringify(own), { flag: 'wx', mode: 0o600 })
    return true
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false
    throw error
  }
}

/** Returns undefined if there is no lock, or one without content. */
async function holderIn(path: string): Promise<Holder | undefined> {
  try {
    const holder: Holder = JSON.parse(await readFile(path, 'utf8'))
    return holder
  } catch (error) {
    if (error instanceof SyntaxError || codeOf(error) === 'ENOENT') return undefined
    throw error
  }
}

/** As `holderIn`, but waits for the content of a lock that is being created. */
async function newHolderIn(path: string): Promise<Holder | undefined> {
  for (let waits = 0; waits < 10; waits += 1) {
    const holder = await holderIn(path)
    if (holder !== undefined) return holder
    await delay(renewEveryMs / 20)
  }
  return undefined
}

async function isAlive(path: string, { pid, host, started }: Holder): Promise<boolean> {
  const isHere = host === hostname()
  if (isHere && !hasProcess(pid)) return false
  const now = isHere ? startOf(pid) : undefined
  // Two containers may have the same name and see only their own processes: there, the pid is of
  // this process itself, and its start differs.
  if (now !== undefined && started !== undefined) return now === started
  return isRenewed(path)
}

/** Whether the holder renews its lock. Nothing else shows whether a process of another machine lives. */
async function isRenewed(path: string): Promise<boolean> {
  const timeOf = () => stat(path).then(({ mtimeMs }) => mtimeMs)
  try {
    const before = await timeOf()
    const deadline = performance.now() + silentMs
    while (performance.now() < deadline) {
      await delay(renewEveryMs / 10)
      if ((await timeOf()) !== before) return true
    }
    return false
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return false
    throw error
  }
}

function hasProcess(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    // EPERM: a process of another user.
    return codeOf(error) !== 'ESRCH'
  }
}

/** Returns undefined where the system does not tell (proc(5) of Linux: field 22 of `stat`). */
function startOf(pid: number): string | undefined {
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The name of the program, in brackets, may contain spaces and brackets.
    const ticks = fields.slice(fields.lastIndexOf(')') + 2).split(' ')[19]
    return ticks === undefined ? undefined : `${boot} ${ticks}`
  } catch {
    return undefined
  }
}

/**
 * Removes the lock of a process that has ended. Another process may do the same at this moment and create
 * its own lock: that one is put back.
 */
async function removeLock(path: string, token: string | undefined): Promise<void> {
  const aside = `${path}.${randomUUID()}`
  try {
    await rename(path, aside)
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return
    throw error
  }
  const removed = await holderIn(aside)
  if (removed !== undefined && removed.token !== token) {
    await link(aside, path).catch(() => undefined)
  }
  await rm(aside, { force: true })
}

function inUse(folder: string, { pid, host }: Holder): LoomError {
  const where = host === hostname() ? '' : ` on ${host}`
  const holder = pid === process.pid && where === '' ? 'this process' : `process ${pid}${where}`
  return new LoomError(
    'invalid-config',
    `${folder} is in use by ${holder}: stop it, or choose another folder.`,
  )
}
