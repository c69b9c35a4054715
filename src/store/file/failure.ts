/** Failures of the file system as errors for clients. The operator reads the cause, which names the file. */
import { LoomError } from '../../ground/error.ts'

const full = ['The disk of the server is full', 'Free some space and try again.'] as const
const refused = [
  'The server may not write its files any more',
  'Check the permissions of its folder.',
] as const

/** The reason of a failure, and what the operator can do. */
const texts: Readonly<Record<string, readonly [reason: string, advice: string]>> = {
  ENOSPC: full,
  EDQUOT: full,
  EFBIG: ['A file of the server reached its largest size', 'Raise the limit and try again.'],
  EROFS: refused,
  EACCES: refused,
  EPERM: refused,
  EMFILE: ['The server has too many open files', 'Raise the limit (ulimit -n) and try again.'],
  ENFILE: ['The machine of the server has too many open files', 'Try again later.'],
}

const others = ['The server cannot use its files now', 'Try again later.'] as const

/** The end of the error text: whether the failed call has stored something. A call that only reads has none. */
const outcomes = {
  read: '',
  'not stored': ', so nothing was stored',
  unknown: ', so it may not have stored this',
}

/** @param outcome what the failed call has stored */
export function storeFailure(
  cause: unknown,
  outcome: keyof typeof outcomes = 'not stored',
): LoomError {
  if (cause instanceof LoomError) return cause
  const [reason, advice] = texts[codeOf(cause)] ?? others
  const text = `${reason}${outcomes[outcome]}. ${advice}`
  return new LoomError('unavailable', text, { cause, retryable: true, retryAfterMs: 1000 })
}

/** Returns the code of an error of the file system, such as `ENOENT`; else ''. */
export function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string'
    ? error.code
    : ''
}
