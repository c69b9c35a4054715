/** A hint for a pattern that names a directory: patterns match files only. */
import { join } from 'node:path/posix'

import type { Workspace } from '../../src/machine/workspace.ts'
import { FileRefusal, quoted } from '../../src/machine/workspace/file-error.ts'

/** Returns a sentence for the model if the pattern is the path of a directory. */
export async function directoryHint(
  workspace: Workspace,
  path: string,
  pattern: string,
): Promise<string | undefined> {
  if (pattern.endsWith('/')) return undefined
  try {
    const { stats } = await workspace.look(pattern.startsWith('/') ? pattern : join(path, pattern))
    if (!stats.isDirectory()) return undefined
    return `${quoted(pattern)} is a directory: its files are ${quoted(`${pattern}/**`)}.`
  } catch (error) {
    if (error instanceof FileRefusal) return undefined
    throw error
  }
}

export const sentences = (...parts: readonly (string | undefined)[]): string =>
  parts.filter((part) => part !== undefined).join(' ')
