/** Compares the index of a folder with its files at the start. Only files that differ are read. */
import { readdir, readFile, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'

import type { UIMessage } from 'ai'

import { recordOf } from '../memory/records.ts'
import type { Catalogue, Row } from './catalogue.ts'
import { digestOf, digestOfCopy, isDraft, isSessionFile, pathOf } from './file-names.ts'
import { isDamaged, keepCopy, removeCopy } from './incomplete-end.ts'
import { readStored } from './replay.ts'
import type { Segments } from './segments.ts'
import { checkFormat } from './stored.ts'

export interface ScanOptions {
  /** The folder of the files of the sessions. */
  folder: string
  now: () => number
  report: (notice: string) => void
  segments: Segments
}

/** The number of files that are compared at the same time. */
const atOnce = 32

/** Returns the deleted sessions whose files may still have messages: a deletion was interrupted. */
export async function scan(catalogue: Catalogue, options: ScanOptions): Promise<string[]> {
  const { folder } = options
  const names = await readdir(folder)
  await Promise.all(names.filter(isDraft).map((name) => rm(join(folder, name), { force: true })))
  const files = new Set(names.filter(isSessionFile).map((name) => join(folder, name)))
  const sizes = new Map<string, number>()
  await inPortions([...files], async (path) => {
    sizes.set(path, (await stat(path)).size)
  })
  for (const { id, size } of catalogue.all()) {
    const path = pathOf(folder, id)
    if (sizes.get(path) === size) files.delete(path)
    else if (!files.has(path)) catalogue.delete(id)
  }
  const changed: Row[] = []
  // One after the other: their contents are in memory only for a moment.
  for (const path of files) {
    const row = await rowOf(path, catalogue, options)
    if (row === undefined) await rm(path, { force: true })
    else changed.push(row)
  }
  for (const row of changed.sort((a, b) => a.writtenAt - b.writtenAt)) catalogue.put(row)
  const copies = new Set(names.flatMap((name) => digestOfCopy(name) ?? []))
  if (copies.size > 0) await removeDeleted(catalogue, { folder, copies })
  return changed.filter(({ record }) => record === undefined).map(({ id }) => id)
}

/** Removes the copies of the damaged files of deleted sessions: a deletion was interrupted. */
async function removeDeleted(
  catalogue: Catalogue,
  { folder, copies }: { folder: string; copies: ReadonlySet<string> },
): Promise<void> {
  for (const { id, record } of catalogue.all()) {
    if (record === undefined && copies.has(digestOf(id))) await removeCopy(pathOf(folder, id))
  }
}

/**
 * Returns undefined for a file without a session, whose first write was interrupted.
 * @throws LoomError `invalid-config` for a file of a later version
 */
async function rowOf(
  path: string,
  catalogue: Catalogue,
  { now, report, segments }: ScanOptions,
): Promise<Row | undefined> {
  const { mtimeMs } = await stat(path)
  const bytes = await readFile(path)
  // The row needs no message of a segment, and one damaged segment must not end the start.
  const placeholder: UIMessage = { id: '', role: 'user', parts: [] }
  const readShared = segments.reader()
  const { head, session, size } = await readStored(bytes, (segment, number) =>
    readShared(segment, number).catch((error: unknown) => {
      report(`${path} refers to messages that cannot be read. ${String(error)}`)
      return placeholder
    }),
  )
  checkFormat(path, head, 'invalid-config')
  if (session === undefined) {
    if (isDamaged(bytes, size)) report(`${path} is damaged. ${keepCopy(path)} has its content.`)
    return undefined
  }
  const writtenAt = catalogue.get(session.id)?.writtenAt ?? Math.min(mtimeMs, now())
  return {
    id: session.id,
    // The size of the whole file, also of a damaged end, which the first use of the session cuts off.
    size: bytes.length,
    writtenAt,
    usedAt: session.usedAt,
    record: recordOf(session),
  }
}

async function inPortions(
  paths: readonly string[],
  work: (path: string) => Promise<void>,
): Promise<void> {
  for (let at = 0; at < paths.length; at += atOnce) {
    await Promise.all(paths.slice(at, at + atOnce).map(work))
  }
}
