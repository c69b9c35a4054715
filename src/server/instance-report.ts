/**
 * Reports this instance to the store, so that an operator sees all instances through any of them. Drains this
 * instance if an operator asked for it. The process continues after a drain: it sends its open streams to their ends,
 * and the platform ends it.
 */
import type { Sessions } from '../sessions.ts'
import type { RequestWatch } from './request-watch.ts'

export interface InstanceReportOptions {
  sessions: Sessions
  version: string
  /** The time without a report after which the instance does not count as alive, in milliseconds. */
  ttlMs: number
  /** Receives a line for the log when the instance drains. */
  notice: (line: string) => void
  report: (error: unknown) => void
}

export class InstanceReport {
  readonly #options: InstanceReportOptions
  readonly #startedAt = Date.now()
  #readers = 0
  #drain: Promise<void> | undefined
  #timer: NodeJS.Timeout | undefined
  #isClosed = false

  constructor(options: InstanceReportOptions) {
    this.#options = options
    void this.#round()
  }

  /** Counts the streams that clients read. */
  readonly watch: RequestWatch = () => {
    let isReading = false
    return {
      onStream: () => {
        isReading = true
        this.#readers += 1
      },
      onEnd: () => {
        if (isReading) this.#readers -= 1
      },
    }
  }

  close(): void {
    this.#isClosed = true
    clearTimeout(this.#timer)
  }

  async #round(): Promise<void> {
    const { sessions, version, ttlMs, notice, report } = this.#options
    try {
      const { running } = sessions.turns
      const status = {
        version,
        startedAt: this.#startedAt,
        turns: running,
        readers: this.#readers,
        isDraining: sessions.isDraining,
      }
      const isAsked = await sessions.reportStatus(status, ttlMs)
      if (isAsked && this.#drain === undefined && !sessions.isDraining) {
        notice('An operator drains this instance: its turns go to the other instances.')
        this.#drain = sessions.drain().catch(report)
      }
    } catch {
      // The heartbeat reports an outage of the store.
    }
    if (this.#isClosed) return
    this.#timer = setTimeout(() => void this.#round(), ttlMs / 3)
    this.#timer.unref()
  }
}
