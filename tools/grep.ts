/**
 * Searches the files of the workspace with ripgrep. It skips files that `.gitignore` excludes and
 * follows no links. The tool reads each line again through the workspace before it shows the line.
 */
import type { z } from 'zod/v4'

import { defineActingTool } from '../src/acting.ts'
import { defineTool } from '../src/define-tool.ts'
import { late } from '../src/ground/late.ts'
import type { Zod } from '../src/ground/schema.ts'
import { refuseUnlessFile, type Workspace } from '../src/machine/workspace.ts'
import type { NamedTool } from '../src/tool.ts'
import { directoryHint, sentences } from './glob/directory-hint.ts'
import type { GlobPattern } from './glob/pattern.ts'
import type { FoundLines } from './grep/found-lines.ts'
import { lineCharsMax, listingOf } from './grep/listing.ts'
import { inputSchema, renameFields, withoutEmpty } from './input-schema.ts'
import type { RipgrepEnd } from './ripgrep.ts'

export interface GrepOutput {
  matches: number
  /** Whether there are more matches than the text shows. */
  truncated: boolean
  text: string
}

const defaultLimit = 100
const limitMax = 1000
const timeoutMs = 30_000

const grepSchema = (z: Zod) =>
  z.object({
    pattern: z.string().min(1).max(10_000).describe('A regular expression (Rust syntax)'),
    path: z.string().max(4096).optional().describe('File or directory; the workspace by default'),
    glob: z
      .string()
      .min(1)
      .max(1000)
      .optional()
      .describe('Only files such as "*.ts" or "src/**/*.md"'),
    ignore_case: z.boolean().optional(),
    literal: z.boolean().optional().describe('The pattern is plain text'),
    context: z.int().min(0).max(20).optional().describe('Lines to show around each match'),
    limit: z.int().min(1).max(limitMax).optional().describe(`Matches; ${defaultLimit} by default`),
  })

/** A program that only offers the tool loads none of these. */
const searchModules = late(async () => ({
  ...(await import('./glob/pattern.ts')),
  ...(await import('./grep/found-lines.ts')),
  ...(await import('./grep/verified-lines.ts')),
  ...(await import('./ripgrep.ts')),
}))

/**
 * Creates the tool `grep`, which searches the content of files with a regular expression.
 * @example
 * ```ts
 * import { grep, Workspace } from 'loomkit'
 *
 * const tool = grep(await Workspace.open('/srv/project'))
 * ```
 */
export function grep(workspace: Workspace): NamedTool {
  return defineTool({
    name: 'grep',
    title: 'Search files',
    description:
      'Searches the content of the files in the workspace with a regular expression. Files that ' +
      `.gitignore excludes are not searched. Lines are cut at ${lineCharsMax} characters.`,
    inputSchema: inputSchema(grepSchema, (fields) =>
      withoutEmpty(renameFields(fields, inputAliases), 'path', 'glob'),
    ),
    retry: 'safe',
    timeoutMs: 2 * timeoutMs,
    execute: async (input, { signal }): Promise<GrepOutput> => {
      const { FoundLines, globPattern, ripgrep, verifiedLines } = await searchModules()
      const { context = 0, limit = defaultLimit } = input
      const { path, stats } = await workspace.look(input.path ?? '.')
      if (!stats.isDirectory()) refuseUnlessFile(stats, path)
      // If the path is a file, `glob` does not apply.
      const pattern =
        input.glob === undefined || !stats.isDirectory()
          ? undefined
          : globPattern(input.glob, path === '.' ? '' : path)
      const found = new FoundLines({ limit, context, pattern })
      const end = await ripgrep({
        workspace,
        path,
        signal,
        timeoutMs,
        separator: '\n',
        arguments: [...argumentsOf(input), ...typeArguments(pattern)],
        take: (record, isCut) => found.take(record, isCut),
      })
      const verified = await verifiedLines(workspace, found.lines, signal)
      const hint =
        input.glob === undefined || found.matches > 0
          ? undefined
          : await directoryHint(workspace, path, input.glob)
      return outputOf({ found, end, limit, hint, listing: listingOf(verified, context) })
    },
    toModelOutput: ({ output }) => ({ type: 'text', value: output.text }),
  })
}

const inputAliases = {
  ignore_case: ['ignoreCase', 'case_insensitive', '-i'],
  glob: ['include'],
  context: ['-C'],
}

function argumentsOf(input: z.infer<ReturnType<typeof grepSchema>>): string[] {
  return [
    '--json',
    // The same search must return the same lines in the same order. A search with several threads
    // does not guarantee this.
    '--sort=path',
    // Without it, `$` does not match before a `\r\n`.
    '--crlf',
    ...(input.ignore_case === true ? ['--ignore-case'] : []),
    ...(input.literal === true ? ['--fixed-strings'] : []),
    `--context=${input.context ?? 0}`,
    `--regexp=${input.pattern}`,
  ]
}

/**
 * Restricts ripgrep to names that can match, so that it opens fewer files. The arguments define a
 * file type of ripgrep and not a glob, because a glob would include files that `.gitignore` excludes.
 * They contain only patterns that have the same meaning for ripgrep and for `GlobPattern`.
 * `GlobPattern` makes the final decision.
 */
function typeArguments(pattern: GlobPattern | undefined): string[] {
  if (pattern === undefined) return []
  const isPlain = (name: string) => /^[\w.*-]+$/.test(name) && !name.includes('**')
  if (!pattern.names.every(isPlain)) return []
  return [...pattern.names.flatMap((name) => ['--type-add', `wanted:${name}`]), '--type', 'wanted']
}

interface Outcome {
  found: FoundLines
  end: RipgrepEnd
  limit: number
  hint: string | undefined
  listing: ReturnType<typeof listingOf>
}

function outputOf({ found, end, limit, hint, listing }: Outcome): GrepOutput {
  const { matches, isCut } = listing
  const unverified = isCut ? 0 : found.matches - matches
  const notices = [
    ...found.binaries.map((path) => `${path}: contains matches, but is not a text file.`),
    ...[...found.longLines].map((path) => `${path}: a match in a line of over 4 MB is left out.`),
    ...(unverified > 0
      ? [`${unverified} matches left out: their files changed during the search.`]
      : []),
    ...(found.hasMore && !isCut
      ? [`There are more than ${limit} matches: narrow the search.`]
      : []),
    ...(isCut ? ['There is more than 50 KB to show: narrow the search.'] : []),
    ...(end === 'late' ? [`The search was stopped after ${timeoutMs / 1000} s: narrow it.`] : []),
  ]
  if (matches === 0 && notices.length === 0) notices.push(sentences('No matches.', hint))
  const parts = [listing.text, ...notices.map((notice) => `[${notice}]`)]
  const text = parts.filter((part) => part !== '').join('\n')
  return { matches, truncated: found.hasMore || isCut || end === 'late', text }
}

/** The tool of the command. */
export const actingGrep = defineActingTool({
  name: 'grep',
  create: ({ workspace }) => grep(workspace),
})
