import type { Workspace } from '../../src/workspace.ts'
/**
 * The rules of the `.gitignore` and `.ignore` files above a directory that is searched, rewritten as
 * rules of the root. ripgrep would find them itself, but it goes on above the workspace: one that
 * lies in an ignored directory of some repository would look empty.
 */
import { FileRefusal } from '../../src/workspace/file-error.ts'

const ruleFiles = ['.gitignore', '.ignore', '.rgignore']
const bytesMax = 256 * 1024

/** @param path from the root; rules of that directory itself are not among them */
export async function rulesAbove(workspace: Workspace, path: string): Promise<string> {
  if (path === '.') return ''
  const parts = path.split('/')
  const rules: string[] = []
  for (let depth = 0; depth < parts.length; depth++) {
    const directory = parts.slice(0, depth).join('/')
    for (const name of ruleFiles) {
      const lines = await linesOf(workspace, directory === '' ? name : `${directory}/${name}`)
      rules.push(...lines.flatMap((line) => ruleOfRoot(line, directory)))
    }
  }
  return rules.length === 0 ? '' : `${rules.join('\n')}\n`
}

async function linesOf(workspace: Workspace, path: string): Promise<string[]> {
  try {
    const { handle } = await workspace.openFile(path)
    try {
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(bytesMax), 0, bytesMax, 0)
      return buffer.toString('utf8', 0, bytesRead).split(/\r?\n/)
    } finally {
      await handle.close()
    }
  } catch (error) {
    // Mostly there is none.
    if (error instanceof FileRefusal) return []
    throw error
  }
}

/** A rule of a directory as one of the root; see "Pattern format" in gitignore(5). */
export function ruleOfRoot(line: string, directory: string): string[] {
  const rule = line.replace(/^\uFEFF/, '').replace(/(?<!\\)[ \t]+$/, '')
  if (rule === '' || rule.startsWith('#')) return []
  if (directory === '') return [rule]
  const isNegated = rule.startsWith('!')
  const pattern = isNegated ? rule.slice(1) : rule
  // A slash anywhere but at the end ties a pattern to its directory; without one it holds below, too.
  const isAnchored = pattern.slice(0, -1).includes('/')
  const base = directory.replace(/[\\*?[\]!#]/g, '\\$&')
  const rest = isAnchored ? pattern.replace(/^\//, '') : `**/${pattern.replace(/^\\(?=[!#])/, '')}`
  return [`${isNegated ? '!' : ''}/${base}/${rest}`]
}
