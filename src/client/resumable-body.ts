/** The body of a stream that continues over several connections. */
import { LoomClientError, codeOf } from './error.ts'
import { inTime, isTemporary, pause, type Retry } from './retry.ts'

/** Passes only complete events on. The next connection would repeat an incomplete one. */
export function resumableBody(
  first: ReadableStream<Uint8Array>,
  again: (after: string | undefined, until: AbortSignal) => Promise<Response>,
  retry: Retry,
): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder()
  let reader = first.getReader()
  let decoder = new TextDecoder()
  let partial = ''
  let lastId: string | undefined
  let done = false
  let failures = 0

  const reconnect = async (cause: unknown): Promise<void> => {
    partial = ''
    decoder = new TextDecoder()
    for (;;) {
      if (retry.signal?.aborted === true) throw retry.signal.reason
      if (++failures > retry.attempts) throw cause
      if (failures > 1) await pause(failures - 1, retry)
      const leaving = new AbortController()
      const leave = () => leaving.abort(retry.signal?.reason)
      // The listener stays during the whole connection, because an abort of the chat must end it.
      retry.signal?.addEventListener('abort', leave, { once: true })
      const response = await inTime(retry.silenceMs, again(lastId, leaving.signal), leave).catch(
        () => undefined,
      )
      if (response === undefined || isTemporary(response.status)) continue
      if (!response.ok || response.body === null) throw lost(response.status, cause)
      reader = response.body.getReader()
      return
    }
  }

  const take = (text: string): string => {
    const end = text.lastIndexOf('\n\n') + 2
    const whole = end < 2 ? '' : text.slice(0, end)
    partial = text.slice(whole.length)
    for (const [, id] of whole.matchAll(/^id: ?(.+)$/gm)) lastId = id?.trim()
    if (/^data: ?\[DONE\]/m.test(whole)) done = true
    return whole
  }

  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      for (;;) {
        let failure: unknown = new TypeError('network error')
        const silent = reader
        const leave = () => void silent.cancel().catch(() => {})
        const chunk = await inTime(retry.silenceMs, reader.read(), leave).catch(
          (error: unknown) => void (failure = error),
        )
        if (chunk?.done === false) {
          const whole = take(partial + decoder.decode(chunk.value, { stream: true }))
          if (whole === '') continue
          failures = 0
          controller.enqueue(encoder.encode(whole))
          return
        }
        if (done) return controller.close()
        await reconnect(failure)
      }
    },
    cancel(reason) {
      return reader.cancel(reason)
    },
  })
}

export const lost = (status: number, cause: unknown) =>
  new LoomClientError(`The answer cannot be resumed (${status}): load the messages again.`, {
    status,
    code: codeOf(status),
    cause,
  })
