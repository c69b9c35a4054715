/** Where ripgrep is: inside an artefact of one file, or in the package that brings it. */
import { embeddedProgram } from '../../src/asset/program.ts'

export async function ripgrepProgram(): Promise<string> {
  const inside = await embeddedProgram('program/rg')
  if (inside !== undefined) return inside
  const { rgPath } = await import('@vscode/ripgrep')
  return rgPath
}
