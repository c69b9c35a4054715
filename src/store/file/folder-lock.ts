/**
 * The lock of a folder: a file that names the process which uses the folder. The process renews the time of
 * the file, so that a process on another machine or in another container can see that it lives. A lock of a
 * process that has ended is taken over.
 */
import { randomUUID } from 'node:crypto'
import { link, rename, rm, utimes, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'

import { LoomError } from '../../ground/error.ts'
import { codeOf } from './failure.ts'
import {
  type Holder,
  holderIn,
  isAlive,
  newHolderIn,
  renewEveryMs,
  startOf,
} from './lock-holder.ts'

export interface FolderLock {
  release(): Promise<void>
}

export interface FolderLockOptions {
  /** Called if another process took the folder, for example after this one was frozen. */
  onLost: (error: LoomError) => void
  /** Called if the lock could not be renewed. @defaultValue ignores it */
  onFailure?: () => void
}

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
