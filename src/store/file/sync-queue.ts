/**
 * The syncs of all files. A sync occupies a thread of Node.js while the disk works, and the four threads
 * also serve files and DNS. So only two syncs run at a time.
 */
const runningMax = 2

export class SyncQueue {
  #running = 0
  readonly #waiting: (() => void)[] = []

  async run(sync: () => Promise<void>): Promise<void> {
    if (this.#running >= runningMax) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve))
    } else {
      this.#running += 1
    }
    try {
      await sync()
    } finally {
      // The next one takes the place of this one.
      const next = this.#waiting.shift()
      if (next === undefined) this.#running -= 1
      else next()
    }
  }
}
