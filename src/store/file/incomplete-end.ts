/** The end of a file after its last whole record: the bytes of an interrupted write. */
import { closeSync, copyFileSync, ftruncateSync, openSync } from 'node:fs'

import { storeFailure } from './failure.ts'

/**
 * Returns whether more than one interrupted write can have left this end: it has whole lines. Then the disk
 * lost or changed a part of the file.
 */
export const isDamaged = (bytes: Buffer, size: number): boolean => bytes.includes('\n', size)

/** Keeps a copy of a damaged file, from which its content can be rescued by hand. */
export function keepCopy(path: string): string {
  const copy = `${path}.damaged`
  copyFileSync(path, copy)
  return copy
}

/**
 * Cuts off the incomplete end. Returns a notice for the operator if the file is damaged.
 * @throws LoomError `unavailable`
 */
export function cutEnd(path: string, bytes: Buffer, size: number): string | undefined {
  try {
    const notice = isDamaged(bytes, size)
      ? `${path} is damaged after byte ${size}. The session continues from there, and ${keepCopy(path)} has the whole file.`
      : undefined
    const descriptor = openSync(path, 'r+')
    try {
      ftruncateSync(descriptor, size)
    } finally {
      closeSync(descriptor)
    }
    return notice
  } catch (error) {
    throw storeFailure(error)
  }
}
