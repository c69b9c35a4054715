/**
 * The position report of a terminal. A terminal answers `ESC [ 6 n` (DSR, ECMA-48 §8.3.35) with the
 * position of its cursor, after it has drawn all earlier output. The report arrives in the same
 * stream as the keys. A key before the report was therefore typed before the user saw the output,
 * even over a slow connection.
 */

const escape = '\u001b'
const request = `${escape}[6n`
const report = new RegExp(String.raw`${escape}\[\d{1,5};\d{1,5}R`)
/** The beginning of a report whose rest has not arrived. */
const beginning = new RegExp(String.raw`${escape}\[(?:\d{1,5}(?:;\d{0,5})?)?$`)

export class CursorReport {
  readonly #write: (text: string) => void
  #expected = 0
  #partial = ''
  /** Whether the terminal sends reports. Undefined until the first report or the first timeout. */
  isSupported: boolean | undefined

  /**
   * @param write undefined if the terminal understands no control sequences. Then no request is
   * sent.
   */
  constructor(write: ((text: string) => void) | undefined) {
    this.#write = write ?? (() => undefined)
    if (write === undefined) this.isSupported = false
  }

  /** Whether a report is still outstanding. */
  get isAwaited(): boolean {
    return this.#expected > 0
  }

  ask(): void {
    if (this.isSupported === false) return
    this.#expected += 1
    this.#write(request)
  }

  /**
   * Returns the keys without the reports. Without a request all input is keys, because F3 looks
   * like a report.
   */
  take(text: string): string {
    if (this.#expected === 0) return text
    let rest = this.#partial + text
    this.#partial = ''
    while (this.#expected > 0 && report.test(rest)) {
      rest = rest.replace(report, '')
      this.#expected -= 1
      this.isSupported = true
    }
    if (this.#expected === 0) return rest
    const at = rest.search(beginning)
    if (at === -1) return rest
    this.#partial = rest.slice(at)
    return rest.slice(0, at)
  }
}
