/** The pattern of a model as a pattern of paths in the workspace. */
import type { Workspace } from '../../src/machine/workspace.ts'
import { FileRefusal, quoted } from '../../src/machine/workspace/file-error.ts'
import { type GlobPattern, globPattern } from './pattern.ts'

/** An absolute pattern below the workspace's own path counts as relative to the workspace. */
export function patternFor({ root }: Workspace, pattern: string, path: string): GlobPattern {
  if (pattern.startsWith(`${root}/`)) return globPattern(`./${pattern.slice(root.length + 1)}`)
  if (!pattern.startsWith('/')) return globPattern(pattern, path === '.' ? '' : path)
  throw new FileRefusal(`${quoted(pattern)} is outside the workspace. Patterns are relative to it.`)
}
