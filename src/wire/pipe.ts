/**
 * The port of a streamed answer: bytes to a reader on any runtime. It does not join writes and does
 * not decide when a reader is too slow. The response sink does both.
 */

export interface Pipe {
  /** The return value of the route. */
  readonly response: Response
  /** The number of written bytes that the reader's connection has not accepted. */
  readonly buffered: number
  /** Sends the headers, if no byte was sent with them. */
  open: () => void
  write: (text: string) => void
  /** Writes the last bytes and ends the answer as complete. */
  end: (text: string) => void
  /** Writes the last bytes and cuts the connection, so that the reader sees an incomplete answer. */
  cut: (text: string) => void
  /** Cuts the connection now, and drops all bytes that are not sent. */
  destroy: () => void
  /** Calls `onStall` if the reader accepts no bytes for this time. 0 ends the watch. */
  watch: (stallMs: number) => void
}

export interface PipeListener {
  /** Called when all written bytes were accepted. */
  onDrain: () => void
  /** Called when the reader has closed the connection. Not called after a complete answer. */
  onGone: () => void
  onStall: () => void
}
