import type { Paint } from './style.ts'

/** The layout of rendered Markdown. */
export interface MarkdownOptions {
  /** The width in columns. */
  width: number
  paint: Paint
}
