/** Work that runs in rounds, one at a time, for any number of requests. */
export class Rounds {
  readonly #work: () => Promise<void>
  #round: Promise<void> | undefined
  #isDue = false
  #isStopped = false

  /** @param work must not reject: only `stop` waits for a round */
  constructor(work: () => Promise<void>) {
    this.#work = work
  }

  /** Begins a round, or another one after the round in progress. */
  ask(): void {
    this.#isDue = true
    this.#round ??= this.#run().finally(() => (this.#round = undefined))
  }

  get isStopped(): boolean {
    return this.#isStopped
  }

  /** Waits for the end of the round in progress. No other round begins. */
  async stop(): Promise<void> {
    this.#isStopped = true
    await this.#round
  }

  async #run(): Promise<void> {
    while (this.#isDue && !this.#isStopped) {
      this.#isDue = false
      await this.#work()
    }
  }
}
