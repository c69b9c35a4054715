/** One line of the user: how to ask for it, and how the reading ended. */

export type LineRead =
  | { type: 'line'; text: string }
  /** Ctrl-C on an empty line. */
  | { type: 'interrupt' }
  /** Ctrl-D on an empty line, or the terminal is gone. */
  | { type: 'end' }
  /** The signal; what was typed so far. */
  | { type: 'left'; text: string }
  /** Ctrl-G: the line is to be edited elsewhere. */
  | { type: 'edit'; text: string }
  /** Ctrl-R: what the line is to hold. */
  | { type: 'found'; text: string }

export interface ReadOptions {
  signal?: AbortSignal
  /** What earlier lines said, the newest first. */
  history?: readonly string[]
  /** What the line begins with. */
  text?: string
  /** What was typed before the prompt is shown is no answer to it. @defaultValue false */
  isQuestion?: boolean
  /** Completes the line at Tab. With it the line also has Ctrl-G and Ctrl-R. */
  completer?: (line: string) => [string[], string]
  /** Draws a question when no key is on its way any more, right before its prompt. */
  draw?: () => void
}
