/**
 * What the model is told when the system refuses. Only the path that the model gave is named: the
 * system's own messages name places outside the workspace.
 */
import { errorCode } from './directory.ts'

const reasons: Record<string, (path: string) => string> = {
  ENOENT: (path) => `There is no ${path}.`,
  ENOTDIR: (path) => `A part of ${path} is no directory.`,
  EISDIR: (path) => `${path} is a directory.`,
  EEXIST: (path) => `${path} was just made by someone else: try again.`,
  EACCES: (path) => `No permission for ${path}.`,
  EPERM: (path) => `No permission for ${path}.`,
  EROFS: (path) => `${path} is on a file system that is read-only.`,
  ENOSPC: (path) => `The disk is full: ${path} was left as it was.`,
  EDQUOT: (path) => `The disk quota is used up: ${path} was left as it was.`,
  EFBIG: (path) => `The file would be too large: ${path} was left as it was.`,
  ENAMETOOLONG: (path) => `A name in ${path} is too long.`,
  ELOOP: (path) => `${path} was replaced by a link while it was being opened.`,
  EMFILE: () => 'Too many files are open: try again.',
}

/** Marks an error whose text is for the model as it stands. */
export class FileRefusal extends Error {
  override readonly name = 'FileRefusal'
}

/** The failure of a file operation as an error that the model can act on. */
export function fileError(error: unknown, path: string): unknown {
  const code = errorCode(error)
  if (error instanceof FileRefusal || code === undefined || !(error instanceof Error)) return error
  // An aborted signal has a code too; it is no failure of the file.
  if (!('syscall' in error)) return error
  const text = reasons[code]?.(quoted(path)) ?? `${quoted(path)}: the system says ${code}.`
  return new FileRefusal(text, { cause: error })
}

/** A path as it is named in messages: never longer than a line, never with raw control characters. */
export function quoted(path: string): string {
  return JSON.stringify(path.length > 300 ? `${path.slice(0, 300)}…` : path)
}
