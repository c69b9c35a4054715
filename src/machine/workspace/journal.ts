/**
 * The journal of changes. Loom records each change before it writes the file: the idempotency key of the
 * call and the hashes before and after, for the last changes of each file. The journal distinguishes a
 * call that is repeated because its process died from a new call. The content alone could not: an edit
 * that adds a line beside its passage would find the passage again and add the line twice.
 */
import { createHash } from 'node:crypto'
import { constants } from 'node:fs'

import { parseJson } from '../../ground/json.ts'
import { type Directory, errorCode } from './directory.ts'
import { removeLeftovers } from './leftovers.ts'
import { replaceFile } from './replace.ts'
import { locate, reservedName, type Root } from './walk.ts'

export interface Change {
  /** The hash of the call's idempotency key. */
  call: string
  before: string
  after: string
}

/** The outcome of a call: certainly not made (`none`), certainly made (`done`), or `unknown`. */
export type Outcome = 'none' | 'done' | 'unknown'

/** The hash of a missing file. */
export const absent = 'absent'

const changesMax = 100
const filesMax = 1000
const bytesMax = 1_000_000

/** @param now the hash of the file's current content */
export function outcomeOf(changes: readonly Change[], key: string, now: string): Outcome {
  const call = hashOf(key)
  const index = changes.findLastIndex((change) => change.call === call)
  const change = changes[index]
  if (change === undefined) return 'none'
  // A later change that began with the result of this one proves that this one was made.
  const isSeen = changes.slice(index + 1).some(({ before }) => before === change.after)
  if (isSeen || now === change.after) return 'done'
  return now === change.before ? 'none' : 'unknown'
}

export async function readChanges(root: Root, path: string): Promise<Change[]> {
  return inJournal(root, async (directory) => changesIn(directory, fileOf(path)))
}

/** Records a change. The record is on the disk when the promise resolves. */
export async function addChange(
  root: Root,
  path: string,
  change: { key: string; before: string; after: string },
): Promise<void> {
  const { key, before, after } = change
  await inJournal(root, async (directory) => {
    const name = fileOf(path)
    const changes = await changesIn(directory, name)
    if (changes.length === 0) await forgetOldest(directory)
    const latest = [...changes, { call: hashOf(key), before, after }].slice(-changesMax)
    const content = Buffer.from(JSON.stringify(latest))
    await replaceFile({ directory, name, content, old: undefined })
  })
}

export const hashOf = (content: string | Uint8Array) =>
  createHash('sha256').update(content).digest('hex')

const fileOf = (path: string) => `${hashOf(path).slice(0, 32)}.json`

async function inJournal<RESULT>(
  root: Root,
  work: (directory: Directory) => Promise<RESULT>,
): Promise<RESULT> {
  const place = await locate(root, `${reservedName}/journal/x`, { create: true, reserved: true })
  try {
    return await work(place.directory)
  } finally {
    await place.directory.close()
  }
}

async function changesIn(directory: Directory, name: string): Promise<Change[]> {
  try {
    const handle = await directory.openEntry(name, constants.O_RDONLY)
    try {
      const stats = await handle.stat()
      if (!stats.isFile() || stats.size > bytesMax) return []
      const list: unknown = parseJson(await handle.readFile('utf8'))
      return Array.isArray(list) ? list.filter(isChange) : []
    } finally {
      await handle.close()
    }
  } catch (error) {
    // Any program that writes in the workspace can corrupt the journal. File tools must still work.
    if (errorCode(error) === 'ENOENT' || error instanceof SyntaxError) return []
    throw error
  }
}

const isChange = (value: unknown): value is Change =>
  typeof value === 'object' &&
  value !== null &&
  'call' in value &&
  'before' in value &&
  'after' in value &&
  [value.call, value.before, value.after].every((field) => typeof field === 'string')

/** Removes the oldest files before a new one. A call repeats within minutes, so they are of no use. */
async function forgetOldest(directory: Directory): Promise<void> {
  await removeLeftovers(directory)
  const names = await directory.names()
  // With it, git and the search tools ignore the folder.
  if (!names.includes('.gitignore')) {
    await replaceFile({
      directory,
      name: '.gitignore',
      content: Buffer.from('*\n'),
      old: undefined,
    })
  }
  const files = names.filter((name) => name !== '.gitignore')
  if (files.length < filesMax) return
  const ages = await Promise.all(
    files.map(async (name) => ({ name, at: (await directory.entry(name))?.mtimeNs ?? 0n })),
  )
  ages.sort((one, other) => (one.at < other.at ? -1 : 1))
  for (const { name } of ages.slice(0, filesMax / 10)) {
    await directory.remove(name).catch(() => undefined)
  }
}
