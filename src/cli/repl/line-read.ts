/** The options and the result of reading one line from the user. */

export type LineRead =
  | { type: 'line'; text: string }
  /** Ctrl-C on an empty line. */
  | { type: 'interrupt' }
  /** Ctrl-D on an empty line, or the terminal is closed. */
  | { type: 'end' }
  /** The signal aborted. `text` is the incomplete line. */
  | { type: 'left'; text: string }
  /** Ctrl-G: an editor opens the line. */
  | { type: 'edit'; text: string }
  /** Ctrl-R: `text` is the new line. */
  | { type: 'found'; text: string }

export interface ReadOptions {
  signal?: AbortSignal
  /** Earlier lines, newest first. */
  history?: readonly string[]
  /** The initial text of the line. */
  text?: string
  /** Whether keys before the prompt do not count as an answer. @defaultValue false */
  isQuestion?: boolean
  /** Completes the line at Tab. It also turns on Ctrl-G and Ctrl-R. */
  completer?: (line: string) => [string[], string]
  /** Draws a question directly before its prompt, when no more keys arrive. */
  draw?: () => void
}
