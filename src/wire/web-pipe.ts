/**
 * A web stream in a Response: `app.request` in tests, Bun, Deno, workers, HTTP/2. `destroy` errors
 * the stream. Every runtime turns that into a broken connection and never into a complete answer.
 */
import type { Context } from 'hono'

import type { Pipe, PipeListener } from './pipe.ts'

export class WebPipe implements Pipe {
  readonly response: Response
  readonly #listener: PipeListener
  readonly #encoder = new TextEncoder()
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined
  /**
   * True until the reader has read the rest; then the stream is cut. An errored stream drops its
   * queue.
   */
  #isCut = false
  #stallTimer: ReturnType<typeof setTimeout> | undefined

  constructor(c: Context, headers: Readonly<Record<string, string>>, listener: PipeListener) {
    this.#listener = listener
    const stream = new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          this.#controller = controller
        },
        pull: () => {
          if (this.#isCut) this.destroy()
          else listener.onDrain()
        },
        cancel: () => {
          this.#controller = undefined
          this.watch(0)
          listener.onGone()
        },
      },
      // The stream reads nothing ahead, so a pull means that the reader has read everything.
      { highWaterMark: 0, size: (chunk) => chunk.byteLength },
    )
    this.response = c.body(stream, 200, { ...headers })
  }

  get buffered(): number {
    return -(this.#controller?.desiredSize ?? 0)
  }

  /** The runtime sends the headers when it receives the response. */
  open(): void {}

  write(text: string): void {
    if (text !== '') this.#controller?.enqueue(this.#encoder.encode(text))
  }

  end(text: string): void {
    this.write(text)
    this.#controller?.close()
    this.#controller = undefined
  }

  cut(text: string): void {
    this.write(text)
    this.#isCut = true
    if (this.buffered === 0) this.destroy()
  }

  destroy(): void {
    const controller = this.#controller
    this.#controller = undefined
    this.watch(0)
    controller?.error(new Error('The stream was cut off.'))
    this.#listener.onGone()
  }

  watch(stallMs: number): void {
    clearTimeout(this.#stallTimer)
    if (stallMs === 0 || this.#controller === undefined) return
    const before = this.buffered
    this.#stallTimer = setTimeout(() => {
      if (this.buffered < before) this.watch(stallMs)
      else this.#listener.onStall()
    }, stallMs)
  }
}
