/**
 * Work that is done once for all test files, and again only after a source has changed. Test files run at
 * the same time: one does the work, and the others wait for it.
 */
import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

import { root } from '../../bin/build/place.ts'
import { until } from '../redis/until.ts'

/** The time limit of the work beside other work, in milliseconds. */
export const buildMs = 600_000

export interface Once {
  /** The name of the lock in `.cache/`. */
  lock: string
  /** Files that have the digest of the sources after the work, in the order of the work. */
  stamps: readonly string[]
  /** @param stamp the stamp that has another digest. Its waiters go on after this work */
  work: (stamp: string) => Promise<void>
}

export async function onceForSources({ lock, stamps, work }: Once): Promise<void> {
  const folder = join(root, '.cache', lock)
  const digest = digestOfSources()
  const missing = () => stamps.filter((stamp) => text(stamp) !== digest)
  await until(buildMs, `the work of ${lock}`, async () => {
    if (missing().length === 0 || take(folder)) return true
    // A minute of frequent looks would cost the work its processor time.
    await delay(200)
    return false
  })
  if (missing().length === 0) return
  try {
    for (const stamp of missing()) {
      await work(stamp)
      writeFileSync(stamp, digest)
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** True if this process now has the lock. A lock of a process that has ended does not count. */
function take(folder: string): boolean {
  try {
    mkdirSync(join(root, '.cache'), { recursive: true })
    mkdirSync(folder)
    writeFileSync(join(folder, 'pid'), String(process.pid))
    return true
  } catch {
    const pid = Number(text(join(folder, 'pid')) ?? Number.NaN)
    if (pid > 0 && !isAlive(pid)) rmSync(folder, { recursive: true, force: true })
    return false
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

function text(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}

const others = ['LICENSE', 'README.md', 'package.json', 'package-lock.json', 'tsconfig.json']

function digestOfSources(): string {
  const digest = createHash('sha256')
  digest.update(process.version)
  const folders = ['agents', 'bin', 'routes', 'src', 'tools', 'web']
  const files = folders.flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).map((path) =>
      join(folder, path),
    ),
  )
  for (const path of [...files.sort(), ...others]) {
    const file = join(root, path)
    if (!statSync(file).isFile()) continue
    digest.update(`${path}\0`).update(readFileSync(file))
  }
  return digest.digest('hex')
}
