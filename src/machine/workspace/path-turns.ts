/**
 * Runs one change at a time for each path within this process, in the order of the requests. Two edits at
 * once would each write the file without the other's change.
 */
import { untilAborted } from '../../ground/until-aborted.ts'
import { FileRefusal, quoted } from './file-error.ts'

/** More queued changes of one file indicate a loop of the caller. */
const queueMax = 1000

export class PathTurns {
  readonly #queues = new Map<string, { tail: Promise<void>; length: number }>()

  /** Waits for earlier changes of the path, then runs `work`. */
  async take<RESULT>(
    path: string,
    signal: AbortSignal,
    work: () => Promise<RESULT>,
  ): Promise<RESULT> {
    const queue = this.#queues.get(path) ?? { tail: Promise.resolve(), length: 0 }
    if (queue.length >= queueMax) {
      throw new FileRefusal(`Too many changes wait for ${quoted(path)}: try again later.`)
    }
    const before = queue.tail
    const { promise: end, resolve: leave } = Promise.withResolvers<void>()
    queue.tail = before.then(() => end)
    queue.length++
    this.#queues.set(path, queue)
    try {
      await untilAborted(signal, () => before)
      return await work()
    } finally {
      leave()
      if (--queue.length === 0) this.#queues.delete(path)
    }
  }
}
