/**
 * Returns the path of ripgrep: from the single-file artefact, or else from its package. A `.mjs` artefact
 * holds the program of the platform that built it; on another platform it uses the installed `rg`.
 */
import { embeddedProgram } from '../../src/ground/asset/program.ts'

export async function ripgrepProgram(): Promise<string> {
  const embeddedPath = await embeddedProgram(`program/rg-${process.platform}-${process.arch}`)
  if (embeddedPath !== undefined) return embeddedPath
  try {
    const { rgPath } = await import('@vscode/ripgrep')
    return rgPath
  } catch {
    return 'rg'
  }
}
