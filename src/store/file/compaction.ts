/**
 * Writes the file of a session anew, without the data that the session no longer contains: logs that have
 * expired, messages that were replaced, earlier states. If the session changes meanwhile, the old file stays.
 */
import { rm } from 'node:fs/promises'

import { WorkSteps } from '../../ground/long-work.ts'
import type { MemorySession } from '../memory/session.ts'
import { draftEnding } from './file-names.ts'
import { SessionImage } from './image.ts'
import type { MessageForm } from './message-form.ts'
import { RecordBatch, recordBuffers } from './record.ts'
import type { Segments } from './segments.ts'
import { SessionFile } from './session-file.ts'
import { type Change, type Head, sharedFormat } from './stored.ts'

/** A session in memory and its file. */
export interface Compactable {
  readonly id: string
  readonly file: SessionFile
  readonly segments: Segments
  readonly form: MessageForm
  image: SessionImage
  format: number | undefined
  readonly session: MemorySession | undefined
  /** The length of the file after its last compaction, in bytes. */
  compactSize: number
  isCompacting: boolean
}

/** Returns whether the file was replaced. @throws LoomError `unavailable` */
export async function compact(
  resident: Compactable,
  isCurrent: () => boolean = () => true,
): Promise<boolean> {
  const { session, file } = resident
  if (session === undefined || resident.isCompacting || file.isBusy) return false
  const before = file.size
  const isSame = () => isCurrent() && resident.session === session && file.size === before
  const draft = new SessionFile({ ...file.options, path: file.path + draftEnding, size: 0 })
  const newFormat = resident.form.formatOf(resident.segments.isUser(resident.id))
  resident.isCompacting = true
  try {
    const image = await copy(resident, { session, draft, newFormat, isSame })
    if (image === undefined) return false
    await draft.sync()
    await draft.close()
    // The change that began the compaction is synced meanwhile, and a sync needs the old file.
    await file.settled()
    if (!isSame() || file.isBusy) return false
    file.replaceBy(draft.path, draft.size)
    resident.image = image
    resident.format = newFormat
    resident.compactSize = draft.size
    await file.replaced()
    // Not before the disk has the new file: the old one may need them.
    if (isCurrent()) resident.segments.keepOnly(resident.id, image.uses)
    return true
  } finally {
    try {
      await draft.close()
      await rm(draft.path, { force: true })
    } finally {
      // Not before that, because the draft of another attempt would have the same path.
      resident.isCompacting = false
    }
  }
}

interface CopyOptions {
  session: MemorySession
  draft: SessionFile
  newFormat: number
  isSame: () => boolean
}

/** Returns the image of the copy; undefined if the session changed. */
async function copy(
  { id, segments }: Compactable,
  { session, draft, newFormat, isSame }: CopyOptions,
): Promise<SessionImage | undefined> {
  const write = (buffers: readonly Buffer[]) => draft.write(buffers, { isConfirmed: false })
  const head: Head = { format: newFormat, id }
  write(recordBuffers('h', JSON.stringify(head)))
  const placeOf = (message: object) =>
    newFormat >= sharedFormat ? segments.placeOf(id, message) : undefined
  const image = new SessionImage({ placeOf, format: () => newFormat })
  const branched = session.branches.flatMap(({ messages }) => messages)
  await image.stage([...session.history.values(), ...branched], { write, all: true })
  const letters = session.mailbox.map(({ letter }) => letter)
  if (session.turn !== undefined) letters.push(session.turn.letter)
  for (const { task } of session.tree?.all() ?? []) letters.push(task.letter)
  for (const letter of letters) await image.stageLetter(letter, { write })
  if (!isSame()) return undefined
  const batch = new RecordBatch()
  image.add(session, batch, { withEntries: false })
  write(batch.take() ?? [])
  const steps = new WorkSteps()
  while (image.addTasks(session, batch, 100)) {
    const records = batch.take() ?? []
    write(records)
    await steps.next(records[0]?.length ?? 0)
    // A task that is added meanwhile would be written to the old file only.
    if (!isSame()) return undefined
  }
  for (const [id, { entries }] of session.logs) {
    for (let at = 0; at < entries.length; at += 100) {
      const change: Change = { logs: [{ id, added: entries.slice(at, at + 100) }] }
      const json = JSON.stringify(change)
      write(recordBuffers('p', json))
      await steps.next(json.length)
    }
  }
  return isSame() ? image : undefined
}
