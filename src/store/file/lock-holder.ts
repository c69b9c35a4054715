/** The process that a lock of a folder names, and whether it still lives. */
import { readFileSync } from 'node:fs'
import { readFile, stat } from 'node:fs/promises'
import { hostname } from 'node:os'
import { setTimeout as delay } from 'node:timers/promises'

import { codeOf } from './failure.ts'

/** The process that uses the folder. */
export interface Holder {
  token: string
  pid: number
  host: string
  /** The boot of the machine and the start of the process in it, which a later process with the same pid does not share. Linux only. */
  started: string | undefined
}

export const renewEveryMs = 1000
/** After this time without a renewal, the process of a lock has ended. In milliseconds. */
const silentMs = 4 * renewEveryMs

/** Returns undefined if there is no lock, or one without content. */
export async function holderIn(path: string): Promise<Holder | undefined> {
  try {
    const holder: Holder = JSON.parse(await readFile(path, 'utf8'))
    return holder
  } catch (error) {
    if (error instanceof SyntaxError || codeOf(error) === 'ENOENT') return undefined
    throw error
  }
}

/** As `holderIn`, but waits for the content of a lock that is being created. */
export async function newHolderIn(path: string): Promise<Holder | undefined> {
  for (let waits = 0; waits < 10; waits += 1) {
    const holder = await holderIn(path)
    if (holder !== undefined) return holder
    await delay(renewEveryMs / 20)
  }
  return undefined
}

/** Waits until the lock is renewed if nothing else shows whether the process lives. */
export async function isAlive(path: string, { pid, host, started }: Holder): Promise<boolean> {
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
export function startOf(pid: number): string | undefined {
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
