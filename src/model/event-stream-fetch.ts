/**
 * A `fetch` for the AI SDK's provider packages that reads event streams as Loom's own client does. Every
 * read is a sign of life, which the packages do not report. And an answer that has come to its end is a
 * finished one: a connection that breaks or stays open after that ends the stream in good order.
 */
import { AnthropicEvents } from './anthropic-events.ts'
import { EventScanner } from './openai-compatible/event-scanner.ts'
import { signOfLife } from './sign-of-life.ts'

/** How long the rest of a stream is waited for once the answer has its end; milliseconds. */
const remainderMs = 1000
/** The same where content followed the end: some servers of Gemini send a reason with each piece. */
const doubtfulReasonMs = 10_000
const maxEventBytes = 16 * 1024 * 1024

/** A key of the JSON: the same words in a text of the model's stand between escaped quotes. */
const endReason = /"(?:finish_reason|finishReason|stop_reason)"\s*:\s*"[^"]/
const responseEnd = /"type"\s*:\s*"response\.(?:completed|incomplete)"/
const messageStop = /"type"\s*:\s*"message_stop"/
const content =
  /"(?:text|content|arguments)"\s*:\s*"[^"]|"(?:functionCall|inlineData|executableCode)"\s*:/
const messageDelta = /"type"\s*:\s*"message_delta"/

export function eventStreamFetch(fetch: typeof globalThis.fetch): typeof globalThis.fetch {
  return async (input, init) => {
    const response = await fetch(input, init)
    const type = response.headers.get('content-type') ?? ''
    if (!response.ok || response.body === null || !type.includes('event-stream')) return response
    const { status, statusText, headers, body } = response
    const events = isAnthropic(input) ? new AnthropicEvents(maxEventBytes) : undefined
    const ended = endedStream(body, { onRead: signOfLife(init?.signal), events })
    return new Response(ended, { status, statusText, headers })
  }
}

const isAnthropic = (input: Parameters<typeof globalThis.fetch>[0]) =>
  /\/messages(?:\?|$)/.test(input instanceof Request ? input.url : String(input))

function endedStream(
  body: ReadableStream<Uint8Array>,
  { onRead, events }: { onRead: (() => void) | undefined; events: AnthropicEvents | undefined },
): ReadableStream<Uint8Array> {
  const reader = body.getReader()
  const end = new StreamEnd()
  let timer: NodeJS.Timeout | undefined
  let piecesAtTimer = 0
  let isLeft = false
  const leave = (controller: ReadableStreamDefaultController<Uint8Array>) => {
    if (isLeft) return
    isLeft = true
    clearTimeout(timer)
    const rest = events?.rest()
    if (rest !== undefined) {
      end.read(rest)
      controller.enqueue(rest)
    }
    const missing = end.missing()
    if (missing !== undefined) controller.enqueue(missing)
    controller.close()
    reader.cancel().catch(() => undefined)
  }
  /** Sets the timer when the answer has its end, and anew when more of the answer came after that. */
  const watchRemainder = (controller: ReadableStreamDefaultController<Uint8Array>) => {
    if (!end.isReached || (timer !== undefined && end.pieces === piecesAtTimer)) return
    clearTimeout(timer)
    piecesAtTimer = end.pieces
    timer = setTimeout(leave, end.pieces === 0 ? remainderMs : doubtfulReasonMs, controller)
  }
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        watchRemainder(controller)
        try {
          for (;;) {
            const { done, value } = await reader.read()
            if (isLeft) return
            if (done) {
              leave(controller)
              return
            }
            onRead?.()
            const bytes = events === undefined ? value : events.read(value)
            // Nobody pulls again before there was something.
            if (bytes === undefined) continue
            end.read(bytes)
            controller.enqueue(bytes)
            return
          }
        } catch (error) {
          if (isLeft) return
          if (!end.isReached) throw error
          leave(controller)
        }
      },
      async cancel(reason) {
        clearTimeout(timer)
        await reader.cancel(reason)
      },
    },
    { highWaterMark: 0 },
  )
}

/** Looks for the event with which an answer has all that counts. */
class StreamEnd {
  isReached = false
  /** How many events with content came after the end. */
  pieces = 0
  #isAnthropic = false
  #isStopped = false
  #isOff = false
  readonly #scanner = new EventScanner((data) => this.#event(data), maxEventBytes)

  read(bytes: Uint8Array): void {
    if (this.#isOff) return
    try {
      this.#scanner.feed(bytes)
    } catch {
      // An event that is too long to look at: the stream is handed on as it is.
      this.#isOff = true
    }
  }

  /** The event without which Anthropic's package does not take an answer for finished. */
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
