/** Log entry ids `<claim>-<seq>`, and cursors `<claim>-<seq>.<index>` into an entry's events. */
import { LoomError } from '../ground/error.ts'

export interface Cursor {
  entryId: string
  /** The index of the last event that the reader has. */
  index: number
}

export const cursorOf = (entryId: string, index: number) => `${entryId}.${index}`

/** @throws LoomError `invalid-request` */
export function parseCursor(text: string): Cursor {
  const [, entryId, index] = /^(\d{1,15}-\d{1,15})\.(\d{1,9})$/.exec(text) ?? []
  if (entryId === undefined || index === undefined) {
    throw new LoomError('invalid-request', 'A cursor is the id of an event of this stream.')
  }
  return { entryId, index: Number(index) }
}

/** Returns an id such that `id` is the first entry after it. Entry 0 is the entry of the claim itself. */
export function idBefore(id: string): string {
  const [claim = 0, seq = 0] = id.split('-').map(Number)
  return seq > 0 ? `${claim}-${seq - 1}` : `${claim - 1}-${Number.MAX_SAFE_INTEGER}`
}
