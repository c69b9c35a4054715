/**
 * The text that an independent terminal (xterm.js, as in many editors and web terminals) shows after
 * these bytes, with the lines that have scrolled off. It supports wide characters and emoji, scrolls
 * at its last row, and marks the lines that it wrapped.
 */
import { createRequire } from 'node:module'

import type { UnicodeGraphemesAddon as Addon } from '@xterm/addon-unicode-graphemes'
import type { Terminal as XtermTerminal } from '@xterm/headless'

const load = createRequire(import.meta.url)
// Both are CommonJS bundles, and Node.js does not find the names of their exports.
const { Terminal }: { Terminal: typeof XtermTerminal } = load('@xterm/headless')
const { UnicodeGraphemesAddon }: { UnicodeGraphemesAddon: typeof Addon } = load(
  '@xterm/addon-unicode-graphemes',
)

export interface ShownLine {
  text: string
  /** The number of used columns. */
  width: number
  /** Whether the terminal wrapped the line above into this one. */
  isWrapped: boolean
}

/** @param rows the number of rows of the terminal that the bytes were written for */
export async function emulatedScreen(
  sent: string,
  { columns, rows = 24 }: { columns: number; rows?: number },
): Promise<ShownLine[]> {
  const terminal = new Terminal({ cols: columns, rows, scrollback: 10_000, allowProposedApi: true })
  terminal.loadAddon(new UnicodeGraphemesAddon())
  const written = Promise.withResolvers<void>()
  terminal.write(sent, written.resolve)
  await written.promise
  const { active } = terminal.buffer
  const lines = Array.from({ length: active.length }, (_, index): ShownLine => {
    const line = active.getLine(index)
    const text = line?.translateToString(true) ?? ''
    let width = 0
    for (let column = 0; column < columns; column++) {
      const cell = line?.getCell(column)
      // The second half of a wide character has no width.
      if (cell !== undefined && cell.getChars().trim() !== '') width = column + cell.getWidth()
    }
    // A blank at the end of a line counts if the next line continues it.
    const goesOn = active.getLine(index + 1)?.isWrapped === true
    return { text: goesOn ? text : text.trimEnd(), width, isWrapped: line?.isWrapped === true }
  })
  terminal.dispose()
  const last = lines.findLastIndex(({ text }) => text !== '')
  return lines.slice(0, last + 1)
}
