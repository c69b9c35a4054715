/**
 * The names of files. A tenant chooses the id of a session, so the name is a digest of the id: it has a
 * fixed length, and no character with a meaning in a path. The head of the file contains the id.
 */
import { createHash } from 'node:crypto'
import { join } from 'node:path'

const ending = '.session'
export const draftEnding = '.draft'
const copyEnding = '.damaged'

export const digestOf = (id: string): string => createHash('sha256').update(id).digest('hex')

export const pathOfDigest = (folder: string, digest: string): string =>
  join(folder, digest + ending)

export const pathOf = (folder: string, id: string): string => pathOfDigest(folder, digestOf(id))

/** The name of the copy of a damaged file. */
export const copyOf = (path: string): string => path + copyEnding

export const isSessionFile = (name: string): boolean => name.endsWith(ending)
export const isDraft = (name: string): boolean => name.endsWith(draftEnding)

/** Returns the digest in the name of the copy of a damaged file, and undefined for the name of any other file. */
export const digestOfCopy = (name: string): string | undefined =>
  name.endsWith(ending + copyEnding) ? name.slice(0, -(ending + copyEnding).length) : undefined
