/**
 * A thread that swaps an entry of a directory for a trap and back until it is told to stop: between
 * any two steps of somebody else's, if it runs long enough.
 */
import { existsSync, renameSync } from 'node:fs'
import { isMainThread, Worker, workerData } from 'node:worker_threads'

interface Task {
  /** The path that changes; `-trap` and `-kept` beside it. */
  path: string
  /** Not 0 when it is over. */
  flag: Int32Array<SharedArrayBuffer>
}

/** Needs `<path>-trap` to be there. Works on `work` meanwhile, and leaves the entry as it was. */
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

/** Somebody may have made a directory in the moment when there was nothing. */
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
  // What `whileSwapping` has given.
  const task: Task = workerData
  swap(task)
}
