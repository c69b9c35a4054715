/** Failures of the file system as errors for clients. The operator reads the cause, which names the file. */
import { LoomError } from '../../ground/error.ts'

const full = 'The disk of the server is full, so nothing was stored. Free some space and try again.'
const refused =
  'The server may not write its files any more, so nothing was stored. Check the permissions of its folder.'

const texts: Readonly<Record<string, string>> = {
  ENOSPC: full,
  EDQUOT: full,
  EFBIG: 'A file of the server reached its largest size, so nothing was stored.',
  EROFS: refused,
  EACCES: refused,
  EPERM: refused,
  EMFILE: 'The server has too many open files. Raise the limit (ulimit -n) and try again.',
  ENFILE: 'The machine of the server has too many open files. Try again later.',
}

export function storeFailure(cause: unknown): LoomError {
  if (cause instanceof LoomError) return cause
  const text = texts[codeOf(cause)] ?? 'The server cannot use its files now. Try again later.'
  return new LoomError('unavailable', text, { cause, retryable: true })
}

/** Returns the code of an error of the file system, such as `ENOENT`; else ''. */
export function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string'
    ? error.code
    : ''
}
