/**
 * Faults of a disk. The tests import this file before the store, and servers load it before everything else
 * (`--import`). It then replaces functions of `node:fs` by ones that fail when the test says so.
 */
import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'

/** The functions that can fail, with the code of their error. `once` is for the next call only. */
export type DiskFaults = Partial<
  Record<'write' | 'sync' | 'rename' | 'open', { code: string; once?: boolean; after?: number }>
>

let faults: DiskFaults = {}

/** Sets the faults of this process. */
export function setDiskFaults(next: DiskFaults): void {
  faults = next
}

/** A server reads its faults from this file at each call. */
const { LOOM_DISK_FAULTS: control } = process.env
const { readFileSync, openSync, writevSync, renameSync, fdatasync } = fs

function errorOf(name: keyof DiskFaults): NodeJS.ErrnoException | undefined {
  if (control !== undefined) faults = JSON.parse(readFileSync(control, 'utf8'))
  const fault = faults[name]
  if (fault === undefined) return undefined
  if (fault.once === true) faults = { ...faults, [name]: undefined }
  return Object.assign(new Error(`${fault.code}: a fault of the test, ${name}`), {
    code: fault.code,
  })
}

/** Only files of the store are opened with this flag. */
const isOfStore = (flags: fs.OpenMode | undefined) =>
  typeof flags === 'number' && (flags & fs.constants.O_APPEND) !== 0

const replacements: Partial<typeof fs> = {
  openSync(path, flags, mode) {
    const error = isOfStore(flags) ? errorOf('open') : undefined
    if (error !== undefined) throw error
    return openSync(path, flags, mode)
  },
  writevSync(descriptor, buffers, position) {
    const shortTo = faults.write?.after
    const error = errorOf('write')
    if (error === undefined) return writevSync(descriptor, buffers, position)
    // A disk that is almost full takes a part first.
    const [first] = buffers
    if (shortTo !== undefined && first !== undefined) {
      fs.writeSync(descriptor, new Uint8Array(first.buffer, first.byteOffset, shortTo))
    }
    throw error
  },
  renameSync(from, to) {
    const error = errorOf('rename')
    if (error !== undefined) throw error
    renameSync(from, to)
  },
}
const failingSync = (descriptor: number, done: fs.NoParamCallback) => {
  const error = errorOf('sync')
  if (error === undefined) fdatasync(descriptor, done)
  // This delay is a part of the fault: a disk fails some time after the call, so that the store gets more
  // writes between them.
  else setTimeout(done, 20, error)
}
Object.assign(fs, replacements, { fdatasync: failingSync })
syncBuiltinESMExports()
