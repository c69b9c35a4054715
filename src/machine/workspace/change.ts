/**
 * Makes one change of one file: read the old content, make the new content, record the change in the
 * journal, replace the file. A process may die between any two steps, and another process may repeat the
 * call: the journal then shows whether the change was made. The caller must run one change of a file at a
 * time.
 */
import type { BigIntStats } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'

import { readContent, type Content } from './content.ts'
import { FileRefusal, quoted } from './file-error.ts'
import { absent, addChange, hashOf, outcomeOf, readChanges } from './journal.ts'
import { type Readings, versionOf } from './readings.ts'
import { replaceFile } from './replace.ts'
import type { WalkEntry, Root } from './walk.ts'

/** A change of one file. */
export interface ChangeRequest {
  /** The path, absolute or relative to the root. */
  path: string
  /** The idempotency key. It is the same for every attempt of this call. */
  key: string
  /** The reader. If it read the file before, it must have read the current version. */
  reader: string
  /** Aborts the wait for earlier changes of the same file. */
  signal: AbortSignal
  /** Creates a missing file, and the directories above it. */
  create: boolean
  /** The number of bytes of the old content that `make` receives, from its start; `Infinity` for all. */
  keepBytes: number
  /** The maximum size of the old file in bytes. A larger file is refused. */
  bytesMax: number
  /** Returns the new content. Receives undefined if there is no file. Throws to change nothing. */
  make: (old: Buffer | undefined) => Uint8Array
}

/** The outcome of a change of one file. */
export interface ChangeResult {
  /** The path relative to the root, without links. */
  path: string
  /**
   * `already` means that an earlier attempt of the same call made the change; `same` means that the new
   * content equals the old one.
   */
  outcome: 'created' | 'changed' | 'same' | 'already'
}

export interface ChangeWorld {
  request: ChangeRequest
  place: WalkEntry
  root: Root
  readings: Readings
  open: () => Promise<{ handle: FileHandle }>
}

/** The number of attempts if other programs change the file during the change. */
const attemptsMax = 3

class ConcurrentChange extends FileRefusal {}

export async function changeFile(world: ChangeWorld): Promise<ChangeResult> {
  const { request, place, root } = world
  const { path, key } = request
  let old = await oldContent(world)
  const outcome = outcomeOf(await readChanges(root, place.path), key, old?.hash ?? absent)
  if (outcome === 'done') return { path: place.path, outcome: 'already' }
  if (outcome === 'unknown') throw unknownOutcome(path)
  for (let attempt = 1; ; attempt++) {
    try {
      return await makeChange(world, old)
    } catch (error) {
      if (!(error instanceof ConcurrentChange) || attempt === attemptsMax) throw error
      old = await oldContent(world)
    }
  }
}

async function makeChange(world: ChangeWorld, old: Content | undefined): Promise<ChangeResult> {
  const { request, place, root, readings } = world
  const { path, key, reader, signal } = request
  if (old !== undefined) refuseStale(world, old)
  const content = request.make(old?.bytes)
  const after = hashOf(content)
  signal.throwIfAborted()
  await addChange(root, place.path, { key, before: old?.hash ?? absent, after })
  if (old?.hash === after) {
    readings.note(reader, place.path, versionOf(old.stats, after))
    return { path: place.path, outcome: 'same' }
  }
  const stats = await replaceFile({
    directory: place.directory,
    name: place.name,
    content,
    old: old?.stats,
    beforeRename: async () => {
      signal.throwIfAborted()
      if (!isSame(await place.directory.entry(place.name), old?.stats)) {
        throw new ConcurrentChange(`${quoted(path)} is being changed by someone else: try again.`)
      }
    },
  })
  readings.note(reader, place.path, versionOf(stats, after))
  return { path: place.path, outcome: old === undefined ? 'created' : 'changed' }
}

async function oldContent(world: ChangeWorld): Promise<Content | undefined> {
  const { request, place } = world
  const { path, signal, keepBytes, bytesMax } = request
  if ((await place.directory.entry(place.name)) === undefined && request.create) return undefined
  const { handle } = await world.open()
  try {
    const content = await readContent(handle, { path, keepBytes, bytesMax, signal })
    refuseReadOnly(content.stats, path)
    return content
  } finally {
    await handle.close()
  }
}

/** Refuses a read-only file explicitly: a replacement writes to its directory, so it would succeed. */
function refuseReadOnly(stats: BigIntStats, path: string): void {
  if ((stats.mode & 0o222n) !== 0n) return
  throw new FileRefusal(`${quoted(path)} is read-only.`)
}

function refuseStale({ request, place, readings }: ChangeWorld, old: Content): void {
  if (!readings.isStale(request.reader, place.path, versionOf(old.stats, old.hash))) return
  throw new FileRefusal(
    `${quoted(request.path)} has changed since you read it. Read it again, then change it.`,
  )
}

function isSame(one: BigIntStats | undefined, other: BigIntStats | undefined): boolean {
  if (one === undefined || other === undefined) return one === other
  return (
    one.ino === other.ino &&
    one.size === other.size &&
    one.mtimeNs === other.mtimeNs &&
    one.ctimeNs === other.ctimeNs
  )
}

const unknownOutcome = (path: string) =>
  new FileRefusal(
    `An earlier attempt of this call was cut off, and ${quoted(path)} has changed since: ` +
      'whether the change was made is unknown. Read the file before you change it again.',
  )
