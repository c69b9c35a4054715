/** The ripgrep program of this platform. */
import { readFileSync } from 'node:fs'

import { rgPath } from '@vscode/ripgrep'

export const ripgrep = {
  path: `program/rg-${process.platform}-${process.arch}`,
  read: () => readFileSync(rgPath),
} as const
