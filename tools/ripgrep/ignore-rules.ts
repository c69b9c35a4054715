import type { Workspace } from '../../src/workspace.ts'
/**
 * The rules of the `.gitignore` and `.ignore` files above a directory that is searched, rewritten as
 * rules of the root. ripgrep would find them itself, but it goes on above the workspace: one that
 * lies in an ignored directory of some repository would look empty.
 */
import { FileRefusal } from '../../src/workspace/file-error.ts'

const bytesMax = 256 * 1024

export interface Rules {
  /** Lines as of a `.gitignore` in the root; empty if there are none. */
  rules: string
  /** The directory that is searched is the root of a repository. */
  isRepository: boolean
}

/** @param path from the root; rules of that directory itself are not among them */
export async function rulesFor(workspace: Workspace, path: string): Promise<Rules> {
  const parts = path === '.' ? [] : path.split('/')
  let ofGit: string[] = []
  const others: string[] = []
  for (let depth = 0; depth < parts.length; depth++) {
    const directory = parts.slice(0, depth).join('/')
    // The rules of git end where another repository begins.
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
    // Mostly there is none.
    if (error instanceof FileRefusal) return []
    throw error
  }
}

/** A rule of a directory as one of the root; see "Pattern format" in gitignore(5). */
function ruleOfRoot(line: string, directory: string): string[] {
  const rule = withoutEnd(line.replace(/^\uFEFF/, ''))
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

/** Without blanks at the end, but for one behind a backslash. By hand: a line may be all blanks. */
function withoutEnd(line: string): string {
  let end = line.length
  while (line[end - 1] === ' ' || line[end - 1] === '\t') end--
  return line.slice(0, line[end - 1] === '\\' ? end + 1 : end)
}
