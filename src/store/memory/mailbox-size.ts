/** The size of the letters that wait in a mailbox in memory, as about the length of their JSON. */
import { weightOf } from '../../ground/json/weight.ts'
import type { Letter } from '../letter.ts'
import type { PostOptions } from '../mailbox.ts'
import type { MemorySession } from './session.ts'

/** The length of each letter, which is measured once. */
const lengths = new WeakMap<Letter, number>()

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
  return [letter, ...others].reduce((bytes, each) => bytes + bytesOf(each), 0) > max
}

function bytesOf(letter: Letter): number {
  const known = lengths.get(letter)
  if (known !== undefined) return known
  const length = weightOf(letter, Infinity)
  lengths.set(letter, length)
  return length
}
