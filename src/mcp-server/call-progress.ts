/**
 * The progress of a call as short texts. A client shows them, or resets the time limit of its request at each of them.
 * A notification for each token would cost more than the tokens, so texts are sent together.
 */
import type { LogEvent } from '../event.ts'
import { shorten } from '../ground/cut-text.ts'

/** The time between two notifications of text, in milliseconds. */
const textEveryMs = 500

/** The silence after which a notification says that the call goes on, in milliseconds. Clients often wait for 60 seconds. */
const silenceMs = 10_000

const textMax = 500

/** @param send sends one text. A promise from it delays the reader of the log. */
export type SendProgress = (text: string) => void | Promise<void>

export class CallProgress {
  readonly #send: SendProgress
  readonly #toolNames = new Map<string, string>()
  readonly #timer: NodeJS.Timeout
  #text = ''
  #sentAt = 0

  constructor(send: SendProgress) {
    this.#send = send
    this.#timer = setInterval(() => {
      if (performance.now() - this.#sentAt >= silenceMs) void this.#notify('Still working.')
    }, silenceMs / 2).unref()
  }

  /** Notes the events of an entry of the log, and sends what is due. */
  async note(events: readonly LogEvent[]): Promise<void> {
    const steps: string[] = []
    for (const event of events) {
      if (event.type === 'text-delta') this.#text += event.delta
      else if (event.type === 'reset-step') this.#text = ''
      else {
        const step = this.#stepOf(event)
        if (step !== undefined) steps.push(step)
      }
    }
    const isDue = performance.now() - this.#sentAt >= textEveryMs
    if (this.#text.trim() !== '' && (isDue || steps.length > 0)) {
      const text = this.#text.trim()
      this.#text = ''
      await this.#notify(text)
    }
    for (const step of steps) await this.#notify(step)
  }

  end(): void {
    clearInterval(this.#timer)
  }

  /** Inputs and outputs of tools stay in the session. */
  #stepOf(event: LogEvent): string | undefined {
    switch (event.type) {
      case 'tool-input-available':
        this.#toolNames.set(event.toolCallId, event.toolName)
        return `Calls ${event.toolName}.`
      case 'tool-output-available':
        if (event.preliminary === true) return undefined
        return `${this.#nameOf(event.toolCallId)} has ended.`
      case 'tool-output-error':
        return `${this.#nameOf(event.toolCallId)} has failed.`
      case 'tool-output-denied':
        return `${this.#nameOf(event.toolCallId)} was refused.`
      default:
        return undefined
    }
  }

  #nameOf(toolCallId: string): string {
    return this.#toolNames.get(toolCallId) ?? 'A tool'
  }

  async #notify(text: string): Promise<void> {
    this.#sentAt = performance.now()
    await this.#send(shorten(text, textMax))
  }
}
