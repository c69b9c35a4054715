/** The size of the letters that wait in a mailbox in memory, as about the length of their JSON. */
import { wholeWeight } from '../../ground/json/weight.ts'
import type { Letter } from '../letter.ts'
import type { PostOptions } from '../mailbox.ts'
import type { MemorySession } from './session.ts'

/**
 * Whether the letter makes the mailbox larger than its limit of bytes. It takes the place of the letter with the
 * same id. A letter that would wait alone always fits, and a result of a task has the limits of its tree.
 */
export function isTooLarge(
  { mailbox }: MemorySession,
  letter: Letter,
  { mailboxBytesMax: max = Infinity, isResult = false }: PostOptions,
): boolean {
  if (max === Infinity || isResult) return false
  const others = mailbox.flatMap((queued) => (queued.letter.id === letter.id ? [] : queued.letter))
  if (others.length === 0) return false
  return [letter, ...others].reduce((bytes, each) => bytes + wholeWeight(each), 0) > max
}
