/** Work that is asked for again and again, and done one round at a time. */
export class Rounds {
  readonly #work: () => Promise<void>
  #running: Promise<void> | undefined
  #isDue = false
  #stopped = false

  /** @param work must not reject: nobody waits for a round but `stop` */
  constructor(work: () => Promise<void>) {
    this.#work = work
  }

  /** Begins a round, or another one behind the round that is under way. */
  ask(): void {
    this.#isDue = true
    this.#running ??= this.#run().finally(() => (this.#running = undefined))
  }

  get isStopped(): boolean {
    return this.#stopped
  }

  /** Settles when the round that is under way is over; there will be no other. */
  async stop(): Promise<void> {
    this.#stopped = true
    await this.#running
  }

  async #run(): Promise<void> {
    while (this.#isDue && !this.#stopped) {
      this.#isDue = false
      await this.#work()
    }
  }
}
