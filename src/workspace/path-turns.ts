/**
 * One change at a time for each path, in the order they were asked for, within this process. Two
 * edits at once would each write the file without the other's change.
 */
import { untilAborted } from '../until-aborted.ts'
import { FileRefusal, quoted } from './file-error.ts'

/** More than this many waiting for one file are no work but a loop. */
const waitingMax = 1000

export class PathTurns {
  readonly #queues = new Map<string, { tail: Promise<void>; length: number }>()

  /** Waits for its turn, works, and lets the next one in. */
  async take<RESULT>(
    path: string,
    signal: AbortSignal,
    work: () => Promise<RESULT>,
  ): Promise<RESULT> {
    const queue = this.#queues.get(path) ?? { tail: Promise.resolve(), length: 0 }
    if (queue.length >= waitingMax) {
      throw new FileRefusal(`Too many changes wait for ${quoted(path)}.`)
    }
    const before = queue.tail
    const { promise: over, resolve: leave } = Promise.withResolvers<void>()
    queue.tail = before.then(() => over)
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
