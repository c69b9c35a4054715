/**
 * Prevents that keys which were typed before a question answer it. The subject of the question is
 * drawn first. The prompt follows after the terminal has reported that it drew the subject and no
 * key has arrived for a moment, because the user may still be typing something else.
 */
import { setImmediate as nextTurn, setTimeout as delay } from 'node:timers/promises'

import type { CursorReport } from './cursor-report.ts'

/** The time without keys before the prompt is shown. */
const quietMs = 300
/** The longest wait for the report of a terminal that has sent one before. */
const drawnMs = 10_000
/** The longest wait for the first report. Without a report, there is no second wait. */
const firstDrawnMs = 1000

const interruptKey = '\u0003'

export interface GuardOptions {
  report: CursorReport
  /** Whether a paste is still incomplete. */
  isPasting: boolean
  signal: AbortSignal | undefined
}

export class QuestionGuard {
  readonly #options: GuardOptions
  #keyAt = performance.now()
  #typed: string

  constructor(options: GuardOptions) {
    this.#options = options
    this.#typed = options.isPasting ? pasteStart : ''
  }

  /** The keys that arrived meanwhile, with the start mark of an incomplete paste. */
  get typed(): string {
    return this.#typed
  }

  take(keys: string): void {
    if (keys === '') return
    this.#keyAt = performance.now()
    this.#typed += keys
  }

  /** Resolves when the question may be answered. */
  async wait(): Promise<'settled' | 'interrupt' | 'left'> {
    const { report, signal } = this.#options
    report.ask()
    const startedAt = performance.now()
    const isDrawn = () => {
      if (!report.isAwaited) return true
      const patience = report.isSupported === true ? drawnMs : firstDrawnMs
      if (report.isSupported === false || performance.now() - startedAt > patience) {
        report.isSupported ??= false
        return true
      }
      return false
    }
    for (;;) {
      if (signal?.aborted === true) return 'left'
      if (this.#typed.includes(interruptKey)) return 'interrupt'
      const missing = quietMs - (performance.now() - this.#keyAt)
      if (missing <= 0 && isDrawn() && !this.#isPasting()) return 'settled'
      await delay(Math.max(20, missing))
      // Waiting input is read before the time is compared, also after a pause of the whole process.
      await nextTurn()
      await nextTurn()
    }
  }

  #isPasting(): boolean {
    return this.#typed.lastIndexOf(pasteStart) > this.#typed.lastIndexOf(pasteEnd)
  }
}

/** The marks of a bracketed paste (xterm's mode 2004). */
export const pasteStart = '\u001b[200~'
export const pasteEnd = '\u001b[201~'
