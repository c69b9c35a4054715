/** The port to a store of files by key, and the bounds that both adapters share. */

/**
 * Keys have the characters of `A-Z a-z 0-9 . _ - /`. A method rejects with LoomError `unavailable` if the store
 * cannot be reached or refuses the call.
 */
export interface ObjectStore {
  /** Stores the bytes. A second call replaces them as a whole: no reader gets a part of each. */
  put(key: string, bytes: Buffer): Promise<void>
  /** Returns undefined if there is no such key. */
  get(key: string): Promise<Buffer | undefined>
  /** Copies a file, if possible without its bytes. Returns false if there is none. */
  copy(from: string, to: string): Promise<boolean>
  /** Returns the keys that begin with this folder (`a/b/`; '' for all), and the times of their last change. */
  list(folder: string): AsyncIterable<StoredObject>
  /** Removes keys. A missing one is no failure. */
  remove(keys: readonly string[]): Promise<void>
}

export interface StoredObject {
  key: string
  /** In milliseconds since 1970. */
  changedAt: number
  /** The length of the file, in bytes. */
  size: number
}

/** The number of calls that run at once. */
const callsAtOnce = 8

/** Runs a call for each value, some of them at once. Rejects with the first failure, after the calls that ran. */
export async function forEachOf<VALUE>(
  values: readonly VALUE[],
  call: (value: VALUE, index: number) => Promise<void>,
): Promise<void> {
  let next = 0
  const runs = Array.from({ length: Math.min(callsAtOnce, values.length) }, async () => {
    while (next < values.length) {
      const index = next++
      const value = values[index]
      if (value !== undefined) await call(value, index)
    }
  })
  const ends = await Promise.allSettled(runs)
  const failed = ends.find((end) => end.status === 'rejected')
  if (failed !== undefined) throw failed.reason
}
