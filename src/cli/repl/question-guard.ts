/**
 * Keeps a question from being answered by keys that were typed before it was shown. What is asked about
 * is drawn first. The prompt follows when the terminal has reported that it drew it, and no key has come
 * for a moment: a hand that is typing something else must come to rest.
 */
import { setImmediate as nextTurn, setTimeout as delay } from 'node:timers/promises'

import type { CursorReport } from './cursor-report.ts'

/** How long no key may come before the prompt is shown. */
const quietMs = 300
/** How long a terminal that has answered before may take to draw. */
const drawnMs = 10_000
/** How long an unknown terminal is waited for; one that does not answer is not waited for again. */
const firstDrawnMs = 1000

const interruptKey = '\u0003'

export interface GuardOptions {
  report: CursorReport
  /** A paste had begun before. */
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

  /** What came meanwhile, the mark of a paste that had begun before it included. */
  get typed(): string {
    return this.#typed
  }

  take(keys: string): void {
    if (keys === '') return
    this.#keyAt = performance.now()
    this.#typed += keys
  }

  /** Resolves when the question may be answered. */
  async settled(): Promise<'settled' | 'interrupt' | 'left'> {
    const { report, signal } = this.#options
    report.ask()
    const begun = performance.now()
    const isDrawn = () => {
      if (!report.isAwaited) return true
      const patience = report.isAnswering === true ? drawnMs : firstDrawnMs
      if (report.isAnswering === false || performance.now() - begun > patience) {
        report.isAnswering ??= false
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
      // What lies ready is read before the clock is looked at, also where the process stood still.
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
