import type { Paint } from './style.ts'

/** How Markdown is set. */
export interface MarkdownOptions {
  /** Columns. */
  width: number
  paint: Paint
}
