/**
 * Collects the rules of the `.gitignore` and `.ignore` files above the searched directory and rewrites
 * them as rules of the root. ripgrep could read these files itself, but it would also read files above
 * the workspace: a workspace in an ignored directory of some repository would then look empty.
 */
import type { Workspace } from '../../src/machine/workspace.ts'
import { FileRefusal } from '../../src/machine/workspace/file-error.ts'

const bytesMax = 256 * 1024

export interface Rules {
  /** Lines of a `.gitignore` in the root; '' if there are no rules. */
  rules: string
  /** Whether the searched directory is the root of a repository. */
  isRepository: boolean
}

/** @param path relative to the root; the result excludes the rules of that directory itself */
export async function rulesFor(workspace: Workspace, path: string): Promise<Rules> {
  const parts = path === '.' ? [] : path.split('/')
  let ofGit: string[] = []
  const others: string[] = []
  for (let depth = 0; depth < parts.length; depth++) {
    const directory = parts.slice(0, depth).join('/')
    // The rules of git do not apply in a nested repository.
    if (await isRepository(workspace, directory)) ofGit = []
    ofGit.push(...(await rulesIn(workspace, directory, '.gitignore')))
    others.push(...(await rulesIn(workspace, directory, '.ignore')))
  }
  const isOwn = await isRepository(workspace, parts.join('/'))
  const rules = [...(isOwn ? [] : ofGit), ...others].map((rule) => `${rule}\n`).join('')
  return { rules, isRepository: isOwn }
}

const at = (directory: string, name: string) => (directory === '' ? name : `${directory}/${name}`)

async function isRepository(workspace: Workspace, directory: string): Promise<boolean> {
  try {
    await workspace.look(at(directory, '.git'))
    return true
  } catch (error) {
    if (error instanceof FileRefusal) return false
    throw error
  }
}

async function rulesIn(workspace: Workspace, directory: string, name: string): Promise<string[]> {
  const lines = await linesOf(workspace, at(directory, name))
  return lines.flatMap((line) => ruleOfRoot(line, directory))
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
    // Most directories have no such file.
    if (error instanceof FileRefusal) return []
    throw error
  }
}

/** Rewrites a rule of a directory as a rule of the root; see "Pattern format" in gitignore(5). */
function ruleOfRoot(line: string, directory: string): string[] {
  const rule = withoutEnd(line.replace(/^\uFEFF/, ''))
  if (rule === '' || rule.startsWith('#')) return []
  if (directory === '') return [rule]
  const isNegated = rule.startsWith('!')
  const pattern = isNegated ? rule.slice(1) : rule
  // A slash before the end anchors a pattern to its directory; other patterns apply below it, too.
  const isAnchored = pattern.slice(0, -1).includes('/')
  const base = directory.replace(/[\\*?[\]!#]/g, '\\$&')
  const rest = isAnchored ? pattern.replace(/^\//, '') : `**/${pattern.replace(/^\\(?=[!#])/, '')}`
  return [`${isNegated ? '!' : ''}/${base}/${rest}`]
}

/**
 * Removes blanks at the end, except a blank after a backslash. It uses no regular expression, which would
 * be slow for a line of blanks.
 */
function withoutEnd(line: string): string {
  let end = line.length
  while (line[end - 1] === ' ' || line[end - 1] === '\t') end--
  return line.slice(0, line[end - 1] === '\\' ? end + 1 : end)
}
