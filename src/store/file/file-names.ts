/**
 * The names of files. A tenant chooses the id of a session, so the name is a digest of the id: it has a
 * fixed length, and no character with a meaning in a path. The head of the file contains the id.
 */
import { createHash } from 'node:crypto'
import { join } from 'node:path'

const ending = '.session'
export const draftEnding = '.draft'

export function pathOf(folder: string, id: string): string {
  return join(folder, `${createHash('sha256').update(id).digest('hex')}${ending}`)
}

export const isSessionFile = (name: string): boolean => name.endsWith(ending)
export const isDraft = (name: string): boolean => name.endsWith(draftEnding)
