/**
 * Finds files of the workspace by their names, the files changed last first. ripgrep lists the files and
 * applies `.gitignore`; this module matches the pattern. A `--glob` option of ripgrep would include
 * files that `.gitignore` excludes.
 */
import { defineActingTool } from '../src/acting.ts'
import { defineTool } from '../src/define-tool.ts'
import { late } from '../src/ground/late.ts'
import type { Workspace } from '../src/machine/workspace.ts'
import { FileRefusal, quoted } from '../src/machine/workspace/file-error.ts'
import type { NamedTool } from '../src/tool.ts'
import { directoryHint, sentences } from './glob/directory-hint.ts'
import { inputSchema, withoutEmpty } from './input-schema.ts'

export interface GlobOutput {
  /** Paths relative to the root of the workspace. */
  files: string[]
  /** Whether there are more files than the list holds. */
  truncated: boolean
  text: string
}

const defaultLimit = 100
const limitMax = 1000
const timeoutMs = 30_000

/** A program that only offers the tool loads none of these. */
const searchModules = late(async () => ({
  ...(await import('./glob/workspace-pattern.ts')),
  ...(await import('./ripgrep.ts')),
}))

/**
 * Creates the tool `glob`, which finds files by a pattern for their paths.
 * @example
 * ```ts
 * import { glob, Workspace } from 'loomkit'
 *
 * const tool = glob(await Workspace.open('/srv/project'))
 * ```
 */
export function glob(workspace: Workspace): NamedTool {
  return defineTool({
    name: 'glob',
    title: 'Find files',
    description:
      'Finds files of the workspace whose path matches a pattern such as "src/**/*.ts"; a pattern ' +
      'without "/" matches names in any directory. The files changed last come first. Files that ' +
      '.gitignore excludes are not found.',
    inputSchema: inputSchema(
      (z) =>
        z.object({
          pattern: z.string().min(1).max(1000),
          path: z.string().max(4096).optional().describe('Directory; the workspace by default'),
          limit: z.int().min(1).max(limitMax).optional().describe(`${defaultLimit} by default`),
        }),
      (fields) => withoutEmpty(fields, 'path'),
    ),
    retry: 'safe',
    timeoutMs: 2 * timeoutMs,
    execute: async (input, { signal }): Promise<GlobOutput> => {
      const { patternFor, ripgrep } = await searchModules()
      const { limit = defaultLimit } = input
      const { path, stats } = await workspace.look(input.path ?? '.')
      if (!stats.isDirectory()) throw new FileRefusal(`${quoted(path)} is not a directory.`)
      const pattern = patternFor(workspace, input.pattern, path)
      const matches: string[] = []
      const end = await ripgrep({
        workspace,
        path,
        signal,
        timeoutMs,
        separator: '\0',
        arguments: ['--files', '--null', '--sortr', 'modified'],
        take: (record) => {
          const file = record.toString().replace(/^\.\//, '')
          if (pattern.matches(file)) matches.push(file)
          return matches.length <= limit
        },
      })
      const files = await newestFirst(workspace, matches.slice(0, limit))
      const hint =
        files.length > 0 ? undefined : await directoryHint(workspace, path, input.pattern)
      return outputOf(files, { hasMore: matches.length > limit, isLate: end === 'late', hint })
    },
    toModelOutput: ({ output }) => ({ type: 'text', value: output.text }),
  })
}

/**
 * Returns those files of ripgrep's list that the workspace itself finds: a link may have led ripgrep out
 * of the workspace for a moment. Files with equal times are in the order of their names.
 */
async function newestFirst(workspace: Workspace, files: string[]): Promise<string[]> {
  const known: { file: string; at: bigint }[] = []
  for (const file of files) {
    try {
      const { path, stats } = await workspace.look(file)
      if (path === file && stats.isFile()) known.push({ file, at: stats.mtimeNs })
    } catch (error) {
      if (!(error instanceof FileRefusal)) throw error
    }
  }
  known.sort((one, other) => {
    if (one.at !== other.at) return one.at > other.at ? -1 : 1
    return one.file < other.file ? -1 : 1
  })
  return known.map(({ file }) => file)
}

interface Notices {
  hasMore: boolean
  isLate: boolean
  hint: string | undefined
}

function outputOf(files: string[], { hasMore, isLate, hint }: Notices): GlobOutput {
  const notices = [
    ...(hasMore ? [`There are more than ${files.length} files: narrow the pattern.`] : []),
    ...(isLate ? [`The search was stopped after ${timeoutMs / 1000} s: narrow it.`] : []),
  ]
  if (files.length === 0 && notices.length === 0) notices.push(sentences('No files match.', hint))
  const text = [...files, ...notices.map((notice) => `[${notice}]`)].join('\n')
  return { files, truncated: hasMore || isLate, text }
}

/** The tool of the command. */
export const actingGlob = defineActingTool({
  name: 'glob',
  create: ({ workspace }) => glob(workspace),
})
