/**
 * Error texts for the model if the system refuses a file operation. A text names only the path that the
 * model sent, since the system's own messages name paths outside the workspace.
 */
import { shorten } from '../../ground/cut-text.ts'
import { errorCode } from './directory.ts'

const reasons: Record<string, (path: string) => string> = {
  ENOENT: (path) => `There is no ${path}.`,
  ENOTDIR: (path) => `A part of ${path} is no directory.`,
  EISDIR: (path) => `${path} is a directory.`,
  EEXIST: (path) => `${path} was just created by someone else: try again.`,
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

/** An error whose text goes to the model unchanged. */
export class FileRefusal extends Error {
  override readonly name = 'FileRefusal'
}

/** Converts the failure of a file operation to an error that the model can act on. */
export function fileError(error: unknown, path: string): unknown {
  const code = errorCode(error)
  if (error instanceof FileRefusal || code === undefined || !(error instanceof Error)) return error
  // The error of an aborted signal has a code too, but it is no failure of the file.
  if (!('syscall' in error)) return error
  const text = reasons[code]?.(quoted(path)) ?? `${quoted(path)}: the system reports ${code}.`
  return new FileRefusal(text, { cause: error })
}

/** Formats a path for a message: shortened to one line, and without raw control characters. */
export function quoted(path: string): string {
  return JSON.stringify(shorten(path, 300))
}
