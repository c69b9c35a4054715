/**
 * A thread that swaps an entry of a directory with a trap and back until it must stop. In a long run the
 * swaps occur between any two steps of the code under test.
 */
import { existsSync, renameSync } from 'node:fs'
import { isMainThread, Worker, workerData } from 'node:worker_threads'

interface Task {
  /** The path that changes. `-trap` and `-kept` are beside it. */
  path: string
  /** Not 0 at the end. */
  flag: Int32Array<SharedArrayBuffer>
}

/** Runs `work` during the swaps and then restores the entry. `<path>-trap` must exist. */
export async function whileSwapping(path: string, work: () => Promise<void>): Promise<void> {
  const flag = new Int32Array(new SharedArrayBuffer(4))
  const worker = new Worker(import.meta.filename, { workerData: { path, flag } })
  const { promise: ended, resolve, reject } = Promise.withResolvers<void>()
  worker.once('exit', () => resolve()).once('error', reject)
  try {
    await work()
  } finally {
    Atomics.store(flag, 0, 1)
    await ended
  }
}

function swap({ path, flag }: Task): void {
  const [trap, kept] = [`${path}-trap`, `${path}-kept`]
  for (let count = 0; Atomics.load(flag, 0) === 0; count++) {
    renameSync(path, kept)
    putBack(trap, path)
    Atomics.wait(flag, 0, 0, (count % 4) * 0.1)
    renameSync(path, trap)
    putBack(kept, path)
    Atomics.wait(flag, 0, 0, (count % 8) * 0.1)
  }
}

let strays = 0

/** The code under test may have created a directory while the entry was missing. */
function putBack(from: string, to: string): void {
  while (existsSync(from)) {
    try {
      renameSync(from, to)
    } catch {
      renameSync(to, `${to}-stray-${++strays}`)
    }
  }
}

if (!isMainThread) {
  // The data from `whileSwapping`.
  const task: Task = workerData
  swap(task)
}
