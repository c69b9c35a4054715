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

export interface Emulator extends Disposable {
  /**
   * Returns the lines after these bytes.
   * @param sent all bytes so far. Only those after the last call are new
   */
  screenAfter: (sent: string) => Promise<readonly ShownLine[]>
}

/** @param rows the number of rows of the terminal that the bytes are written for */
export function openEmulator({ columns, rows = 24 }: { columns: number; rows?: number }): Emulator {
  const terminal = new Terminal({ cols: columns, rows, scrollback: 10_000, allowProposedApi: true })
  terminal.loadAddon(new UnicodeGraphemesAddon())
  let writtenLength = 0
  let lines: readonly ShownLine[] = []
  return {
    async screenAfter(sent) {
      if (sent.length === writtenLength) return lines
      const written = Promise.withResolvers<void>()
      terminal.write(sent.slice(writtenLength), written.resolve)
      writtenLength = sent.length
      await written.promise
      lines = linesOf(terminal, columns)
      return lines
    },
    [Symbol.dispose]: () => terminal.dispose(),
  }
}

function linesOf(terminal: XtermTerminal, columns: number): readonly ShownLine[] {
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
  const last = lines.findLastIndex(({ text }) => text !== '')
  return lines.slice(0, last + 1)
}
