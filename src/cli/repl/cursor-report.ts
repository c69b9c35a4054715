/**
 * A terminal answers `ESC [ 6 n` (DSR, ECMA-48 §8.3.35) with the place of its cursor, once it has
 * drawn everything that was sent before. The answer comes in the same stream as the keys, so a key that
 * comes before it was typed before the drawing was seen, however slow the line is.
 */

const escape = '\u001b'
const request = `${escape}[6n`
const whole = new RegExp(String.raw`${escape}\[\d{1,5};\d{1,5}R`)
/** The beginning of an answer whose rest has not come yet. */
const beginning = new RegExp(String.raw`${escape}\[(?:\d{1,5}(?:;\d{0,5})?)?$`)

export class CursorReport {
  readonly #write: (text: string) => void
  #expected = 0
  #held = ''
  /** Undefined until the terminal has answered, or has been waited for in vain. */
  isAnswering: boolean | undefined

  /** @param write undefined where the terminal understands no sequences: then nothing is asked */
  constructor(write: ((text: string) => void) | undefined) {
    this.#write = write ?? (() => undefined)
    if (write === undefined) this.isAnswering = false
  }

  /** Whether an answer is still to come. */
  get isAwaited(): boolean {
    return this.#expected > 0
  }

  ask(): void {
    if (this.isAnswering === false) return
    this.#expected += 1
    this.#write(request)
  }

  /** What was typed, without the answers in it. Without a request it is all keys: F3 looks alike. */
  take(text: string): string {
    if (this.#expected === 0) return text
    let rest = this.#held + text
    this.#held = ''
    while (this.#expected > 0 && whole.test(rest)) {
      rest = rest.replace(whole, '')
      this.#expected -= 1
      this.isAnswering = true
    }
    if (this.#expected === 0) return rest
    const at = rest.search(beginning)
    if (at === -1) return rest
    this.#held = rest.slice(at)
    return rest.slice(0, at)
  }
}
