/**
 * The way of a streamed answer's bytes to its reader, on whatever runtime. It neither joins writes
 * nor decides when a reader is too slow: the response sink does.
 */

export interface Pipe {
  /** What the route returns. */
  readonly response: Response
  /** Bytes written that the reader's connection has not taken. */
  readonly buffered: number
  /** Sends the headers, where no byte has taken them along. */
  open: () => void
  write: (text: string) => void
  /** Writes the last bytes and ends the answer whole. */
  end: (text: string) => void
  /** Writes the last bytes, then cuts the connection: the reader sees that something is missing. */
  cut: (text: string) => void
  /** Cuts the connection now, whatever is still on its way. */
  destroy: () => void
  /** Calls `onStall` when the reader takes nothing for so long. 0 stops watching. */
  watch: (stallMs: number) => void
}

export interface PipeListener {
  /** All that was written has been taken. */
  onDrain: () => void
  /** The reader is gone. Not called after a whole end. */
  onGone: () => void
  onStall: () => void
}
