/** The end of an answer in an event stream of Anthropic, Google or OpenAI. */
import { EventScanner } from './openai-compatible/event-scanner.ts'

/** A key of the JSON. In a text of the model the same words are between escaped quotes. */
const endReason =
  /"(?:finish_reason|finishReason|stop_reason)"\s*:\s*"(?!FINISH_REASON_UNSPECIFIED")[^"]/
const responseEnd = /"type"\s*:\s*"response\.(?:completed|incomplete)"/
const messageStop = /"type"\s*:\s*"message_stop"/
const content =
  /"(?:text|content|arguments)"\s*:\s*"[^"]|"(?:functionCall|inlineData|executableCode)"\s*:/
const messageDelta = /"type"\s*:\s*"message_delta"/

/** Looks for the event that completes an answer. */
export class StreamEnd {
  isReached = false
  /** The count of events with content after the end. */
  pieces = 0
  #isAnthropic = false
  #isStopped = false
  #isOff = false
  readonly #scanner: EventScanner

  /** @param maxEventBytes a stream with a longer event is not checked */
  constructor(maxEventBytes: number) {
    this.#scanner = new EventScanner((data) => this.#event(data), maxEventBytes)
  }

  read(bytes: Uint8Array): void {
    if (this.#isOff) return
    try {
      this.#scanner.feed(bytes)
    } catch {
      // The event is too long to check: the stream is passed on unchanged.
      this.#isOff = true
    }
  }

  /** Returns the event that Anthropic's package requires at the end, if it is missing. */
  missing(): Uint8Array | undefined {
    if (!this.#isAnthropic || this.#isStopped || !this.isReached) return undefined
    return new TextEncoder().encode('event: message_stop\ndata: {"type":"message_stop"}\n\n')
  }

  #event(data: string): void {
    if (this.isReached && content.test(data)) this.pieces++
    if (messageStop.test(data)) {
      this.isReached = true
      this.#isStopped = true
    } else if (responseEnd.test(data)) {
      this.isReached = true
    } else if (endReason.test(data)) {
      this.isReached = true
      this.#isAnthropic ||= messageDelta.test(data)
    }
  }
}
