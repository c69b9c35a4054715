/**
 * One HTTP POST whose response is handed over as it comes. A transport follows no redirect, decodes
 * no encoding and has no time limit but the one on connecting: those belong to its callers.
 */

export interface TransportRequest {
  url: URL
  /** Names in lower case. */
  headers: Record<string, string>
  /** UTF-8, or pieces of it, which are sent one after the other. */
  body: string | readonly Uint8Array[]
  signal: AbortSignal | undefined
}

export interface ResponseHead {
  status: number
  statusText: string
  /** Names in lower case; several of one name are joined with a comma. */
  headers: Record<string, string>
}

/** Whether the rest of the body is of interest. */
export type Reading = 'more' | 'enough'

export interface ResponseReceiver {
  /** Called once, before any data. */
  head(head: ResponseHead): void
  /** Takes what one read brought. While its promise is pending nothing more is read. */
  data(bytes: Uint8Array): Reading | Promise<Reading>
}

/**
 * Resolves when the body has ended as HTTP says it must, or when the receiver has enough. Rejects
 * with the signal's reason, with what the receiver threw, or with the failure of the connection.
 */
export type Transport = (request: TransportRequest, receiver: ResponseReceiver) => Promise<void>
