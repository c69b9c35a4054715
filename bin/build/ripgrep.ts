/** The ripgrep program in an artefact. */
import { readFileSync } from 'node:fs'

import { rgPath } from '@vscode/ripgrep'

/** The program of this platform, which the artefact contains. */
export const ripgrep = {
  path: `program/rg-${process.platform}-${process.arch}`,
  read: () => readFileSync(rgPath),
} as const

/** The module of `@vscode/ripgrep`. It returns the path of a program in another package. */
export const ripgrepModule = new URL(import.meta.resolve('@vscode/ripgrep')).pathname

/**
 * The code that replaces this module if the program is beside the artefact. The code is imported
 * from the path of the artefact, as if the artefact were its folder.
 */
export const ripgrepBeside = `
import path from 'node:path'
export const rgPath = path.join(import.meta.dirname, '../rg')
`
