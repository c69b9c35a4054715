/**
 * One change of one file: read, decide, note in the journal, put in place. A process may die between
 * any two of these, and the same call may come again from another one: it then finds in the journal
 * whether the change was made. Must be called with no other change of the file running.
 */
import type { BigIntStats } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'

import { readContent, type Content } from './content.ts'
import { FileRefusal, quoted } from './file-error.ts'
import { absent, addChange, hashOf, outcomeOf, readChanges } from './journal.ts'
import { type Readings, versionOf } from './readings.ts'
import { replaceFile } from './replace.ts'
import type { Place, Root } from './walk.ts'

export interface ChangeRequest {
  path: string
  /** The same for every attempt of this call. */
  key: string
  /** Whose reading of the file must be up to date, if there is one. */
  reader: string
  signal: AbortSignal
  /** Makes the file, and the directories above it, where there is none. */
  create: boolean
  /** How many bytes of the old content `make` gets: from its beginning, `Infinity` for all. */
  keepBytes: number
  /** An old file of more bytes is left as it is. */
  bytesMax: number
  /** The new content, from the old one; undefined where there is no file. Throws to change nothing. */
  make: (old: Buffer | undefined) => Uint8Array
}

export interface Changed {
  /** From the root, with no link in it. */
  path: string
  /** `already` where an earlier attempt of the same call has made it, `same` where nothing differs. */
  outcome: 'created' | 'changed' | 'same' | 'already'
}

export interface ChangeWorld {
  request: ChangeRequest
  place: Place
  root: Root
  readings: Readings
  open: () => Promise<{ handle: FileHandle }>
}

/** So often a file may change under our hands until we give up. */
const attemptsMax = 3

class ChangedMeanwhile extends FileRefusal {}

export async function changeFile(world: ChangeWorld): Promise<Changed> {
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
      if (!(error instanceof ChangedMeanwhile) || attempt === attemptsMax) throw error
      old = await oldContent(world)
    }
  }
}

async function makeChange(world: ChangeWorld, old: Content | undefined): Promise<Changed> {
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
        throw new ChangedMeanwhile(`${quoted(path)} is being changed by someone else: try again.`)
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

/** Putting another file in its place would go through: the directory is what is written to. */
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
    `An earlier attempt of this very call was cut off, and ${quoted(path)} has changed since: ` +
      'whether the change was made is unknown. Read the file before you change it again.',
  )
