/**
 * Where ripgrep is: inside an artefact of one file, or in the package that brings it. A `.mjs` was
 * built on one platform and runs on all: on another it takes the one that is installed there.
 */
import { embeddedProgram } from '../../src/asset/program.ts'

export async function ripgrepProgram(): Promise<string> {
  const inside = await embeddedProgram(`program/rg-${process.platform}-${process.arch}`)
  if (inside !== undefined) return inside
  try {
    const { rgPath } = await import('@vscode/ripgrep')
    return rgPath
  } catch {
    return 'rg'
  }
}
