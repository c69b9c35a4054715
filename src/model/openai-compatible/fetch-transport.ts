/** The transport over `fetch`, on runtimes without undici. It costs more processor time per token. */
import type { ResponseHead, Transport, TransportRequest } from './transport.ts'

export function fetchTransport(fetch: typeof globalThis.fetch): Transport {
  return async ({ url, headers, body, signal }, receiver) => {
    signal?.throwIfAborted()
    try {
      const response = await fetch(url, {
        method: 'POST',
        headers,
        body: wholeBody(body),
        redirect: 'manual',
        ...(signal !== undefined && { signal }),
      })
      receiver.head(headOf(response))
      for await (const bytes of response.body ?? []) {
        // The end of the loop cancels the rest of the body.
        if ((await receiver.data(bytes)) === 'enough') return
      }
    } catch (error) {
      // Runtimes differ in the error of an aborted request.
      signal?.throwIfAborted()
      throw error
    }
  }
}

/** A `Blob` has a length: some servers accept no chunked request. */
function wholeBody(body: TransportRequest['body']): string | Blob {
  return typeof body === 'string' ? body : new Blob(body.map((piece) => new Uint8Array(piece)))
}

/** `fetch` has decoded the body, and keeps the header of the encoding. */
function headOf({ status, statusText, headers }: Response): ResponseHead {
  const { 'content-encoding': _encoding, ...others } = Object.fromEntries(headers)
  return { status, statusText, headers: others }
}
