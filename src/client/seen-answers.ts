/** The messages that a page has seen, and the answers that it requested itself. */

/** A stream that the page reads. */
interface OwnStream {
  /** Notes an answer that begins or continues in the stream. */
  onStart: (id: string) => void
  /** Notes the end. `isBroken`: the page has not seen the whole answer. */
  onEnd: (isBroken?: boolean) => void
}

export class SeenAnswers {
  /** Called once, when the page has the stream of the running answer, or knows that none runs. */
  onResume: ((isRunning: boolean) => void) | undefined
  /** Whether the page could not load the messages of the server. */
  isMissing = false
  /** The ids of all messages, the newest last. */
  readonly #seen = new Set<string>()
  /** The answers that open streams of this page show. */
  readonly #shown = new Set<string>()
  /** The answers that this page requested and whose start `watch` will report. */
  readonly #expected = new Set<string>()
  /** The answers whose start `watch` reported while a stream of this page was open. */
  readonly #undecided = new Set<string>()
  #streams = 0
  #isStale = false
  #onOther: (() => void) | undefined

  /** The id of the newest message that this page has seen. */
  get last(): string | undefined {
    return [...this.#seen].at(-1)
  }

  /** Whether the page sends a message or reads a stream. */
  get isBusy(): boolean {
    return this.#streams > 0
  }

  has(id: string): boolean {
    return this.#seen.has(id)
  }

  add(id: string): void {
    this.#seen.delete(id)
    this.#seen.add(id)
  }

  /** A withdrawn message is not in the conversation. */
  remove(id: string): void {
    this.#seen.delete(id)
  }

  /** Replaces all messages by those of the server. */
  replace(ids: readonly string[]): void {
    this.#seen.clear()
    for (const id of ids) this.#seen.add(id)
  }

  /** Notes a new connection of `watch`. @param isWhole whether it has everything since the last one */
  noteConnection(isWhole: boolean): void {
    if (!isWhole || this.isMissing) this.noteStale()
  }

  /** Notes that the page does not show the messages of the server. It is reported when the page is not busy. */
  noteStale(): void {
    this.#isStale = true
    this.#report()
  }

  /** @param isRequest whether the stream answers a post of this page */
  open(isRequest: boolean): OwnStream {
    const own = new Set<string>()
    let isOpen = true
    this.#streams++
    return {
      onStart: (id) => {
        this.add(id)
        own.add(id)
        this.#shown.add(id)
        const isReported = this.#undecided.delete(id)
        if (isRequest && !isReported && this.#onOther !== undefined) this.#expected.add(id)
      },
      onEnd: (isBroken = false) => {
        if (!isOpen) return
        isOpen = false
        this.#streams--
        for (const id of own) this.#shown.delete(id)
        this.#isStale ||= isBroken
        this.#report()
      },
    }
  }

  /**
   * Reports that the page does not show the messages of the server.
   * @returns a function that takes the start of each answer of the conversation
   */
  watch(onOther: () => void): (id: string) => void {
    this.#onOther = onOther
    this.#expected.clear()
    return (id) => {
      if (this.#expected.delete(id) || this.#shown.has(id)) return
      this.#undecided.add(id)
      this.#report()
    }
  }

  /** Ends the reports to this function, unless another one has taken its place. */
  unwatch(onOther: () => void): void {
    if (this.#onOther !== onOther) return
    this.#onOther = undefined
    this.#expected.clear()
  }

  #report(): void {
    if (this.isBusy || (!this.#isStale && this.#undecided.size === 0)) return
    this.#isStale = false
    this.#undecided.clear()
    this.#onOther?.()
  }
}
