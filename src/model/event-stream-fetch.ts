/**
 * A `fetch` for the AI SDK's provider packages that reads event streams like Loom's own client. Every
 * read is a sign of life, which the packages do not report. After the end of an answer, a connection
 * that breaks or stays open ends the stream without an error.
 */
import { AnthropicEvents } from './anthropic-events.ts'
import { ResponsesEvents } from './responses-events.ts'
import type { RewrittenEvents } from './rewritten-events.ts'
import { signOfLife } from './sign-of-life.ts'
import { StreamEnd } from './stream-end.ts'
import { eventsOfAnswer } from './whole-answer.ts'

/** How long to wait for the rest of a stream after the end of its answer. Milliseconds. */
const remainderMs = 1000
/** The same, if content followed the end: some Gemini servers send a finish reason with each chunk. */
const doubtfulReasonMs = 10_000
const maxEventBytes = 16 * 1024 * 1024

export function eventStreamFetch(fetch: typeof globalThis.fetch): typeof globalThis.fetch {
  return async (input, init) => {
    const response = await fetch(input, init)
    const type = response.headers.get('content-type') ?? ''
    if (!response.ok || response.body === null) return response
    if (!type.includes('event-stream') && !asksForStream(input, init)) return response
    const { status, statusText, headers, body } = response
    const reader = body.getReader()
    // Another content type is not reliable, so the first bytes decide.
    const first = type.includes('event-stream') ? undefined : await reader.read()
    const events = rewrittenEvents(addressOf(input))
    if (first?.value !== undefined && opensJson(first.value)) {
      const text = await restOfText(reader, first.value)
      const answer = new TextEncoder().encode(eventsOfAnswer(text) ?? text)
      return new Response(events?.read(answer) ?? answer, { status, statusText, headers })
    }
    const stream = streamWithEnd(reader, { first, onRead: signOfLife(init?.signal), events })
    return new Response(stream, { status, statusText, headers })
  }
}

type Input = Parameters<typeof globalThis.fetch>[0]
type BodyReader = ReadableStreamDefaultReader<Uint8Array>

const addressOf = (input: Input) => (input instanceof Request ? input.url : String(input))

function rewrittenEvents(address: string): RewrittenEvents | undefined {
  if (/\/messages(?:\?|$)/.test(address)) return new AnthropicEvents(maxEventBytes)
  if (/\/responses(?:\?|$)/.test(address)) return new ResponsesEvents(maxEventBytes)
  return undefined
}

const asksForStream = (input: Input, init: RequestInit | undefined) =>
  addressOf(input).includes(':streamGenerateContent') ||
  (typeof init?.body === 'string' && /"stream"\s*:\s*true/.test(init.body))

function opensJson(bytes: Uint8Array): boolean {
  const first = bytes.find((byte) => byte > 32)
  return first === 123 || first === 91
}

/** @throws Error if the text is longer than any answer */
async function restOfText(reader: BodyReader, start: Uint8Array): Promise<string> {
  const pieces = [start]
  let length = start.length
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return Buffer.concat(pieces).toString()
    pieces.push(value)
    length += value.length
    if (length > maxEventBytes) throw new Error(`an answer is longer than ${maxEventBytes} bytes`)
  }
}

interface Reading {
  /** The first read, if it was already made. */
  first: Awaited<ReturnType<BodyReader['read']>> | undefined
  onRead: (() => void) | undefined
  events: RewrittenEvents | undefined
}

function streamWithEnd(
  reader: BodyReader,
  { first, onRead, events }: Reading,
): ReadableStream<Uint8Array> {
  let firstRead = first
  const end = new StreamEnd(maxEventBytes)
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
  /** Sets the timer at the end of the answer, and again if more of the answer follows. */
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
            const { done, value } = firstRead ?? (await reader.read())
            firstRead = undefined
            if (isLeft) return
            if (done) {
              leave(controller)
              return
            }
            onRead?.()
            const bytes = events === undefined ? value : events.read(value)
            // The stream calls `pull` again only after it has received something.
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
