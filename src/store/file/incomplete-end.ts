/** The end of a file after its last whole record: the bytes of an interrupted write. */
import { closeSync, copyFileSync, ftruncateSync, openSync } from 'node:fs'
import { readdir, rm } from 'node:fs/promises'

import { storeFailure } from './failure.ts'
import { copyOf, digestOfCopy } from './file-names.ts'

/**
 * Returns whether more than one interrupted write can have left this end: it has whole lines. Then the disk
 * lost or changed a part of the file.
 */
export const isDamaged = (bytes: Buffer, size: number): boolean => bytes.includes('\n', size)

/** Keeps a copy of a damaged file, from which its content can be rescued by hand. */
export function keepCopy(path: string): string {
  const copy = copyOf(path)
  copyFileSync(path, copy)
  return copy
}

/**
 * Removes the copy of a file, if it has one. A deleted session must not stay on the disk.
 * @throws LoomError `unavailable`
 */
export async function removeCopy(path: string): Promise<void> {
  try {
    await rm(copyOf(path), { force: true })
  } catch (error) {
    throw storeFailure(error)
  }
}

/**
 * Returns the digests of the ids whose damaged files have copies.
 * @throws LoomError `unavailable`
 */
export async function copiesIn(folder: string): Promise<string[]> {
  try {
    return (await readdir(folder)).flatMap((name) => digestOfCopy(name) ?? [])
  } catch (error) {
    throw storeFailure(error, 'read')
  }
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
