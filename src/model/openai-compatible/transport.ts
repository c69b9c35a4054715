/**
 * One HTTP POST whose response is passed on as it arrives. A transport follows no redirect, decodes no
 * encoding and has no time limit except for connecting: its callers do that.
 */

export interface TransportRequest {
  /** The address of the request. */
  url: URL
  /** Header names are in lower case. */
  headers: Record<string, string>
  /** UTF-8, or pieces of it, which are sent in order. */
  body: string | readonly Uint8Array[]
  /** Aborts the request and the reading of its response. */
  signal: AbortSignal | undefined
}

/** The status and the headers of a response. */
export interface ResponseHead {
  /** The HTTP status. */
  status: number
  /** The reason phrase of the status. HTTP/2 has none, so it may be empty. */
  statusText: string
  /** Header names are in lower case. Several values of one name are joined with a comma. */
  headers: Record<string, string>
}

/** Whether the receiver needs the rest of the body. */
export type Reading = 'more' | 'enough'

/** Receives the parts of a response as they arrive. */
export interface ResponseReceiver {
  /** Called once, before any data. */
  head(head: ResponseHead): void
  /** Takes the bytes of one read. Nothing more is read until its promise settles. */
  data(bytes: Uint8Array): Reading | Promise<Reading>
}

/**
 * Resolves at the regular end of the HTTP body, or when the receiver has enough. Rejects with the
 * signal's reason, the receiver's error, or the failure of the connection.
 */
export type Transport = (request: TransportRequest, receiver: ResponseReceiver) => Promise<void>
