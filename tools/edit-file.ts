/**
 * Replaces passages in a file of the workspace. All edits of a call apply, or none does. If a process
 * dies and another one repeats its call, the journal of the workspace shows whether the edit was made;
 * the tool does not search for the new text.
 */
import { defineActingTool } from '../src/acting.ts'
import { defineTool } from '../src/define-tool.ts'
import type { Zod } from '../src/ground/schema.ts'
import type { Workspace } from '../src/machine/workspace.ts'
import { quoted } from '../src/machine/workspace/file-error.ts'
import type { NamedTool } from '../src/tool.ts'
import type { EditResult } from './edit-file/apply.ts'
import { editFields } from './edit-file/edits-input.ts'
import { inputSchema } from './input-schema.ts'

export interface EditFileOutput {
  path: string
  replacements: number
  /** A unified diff; empty if an earlier attempt of the same call made the change. */
  diff: string
  text: string
}

/** An edit holds the whole text in memory and searches it, so larger files are refused. */
const bytesMax = 16 * 1024 * 1024

const editSchema = (z: Zod) =>
  z.object({
    old: z.string().describe('The passage to replace, exactly as it is in the file'),
    new: z.string().describe('The text that replaces it; empty to delete the passage'),
    replace_all: z.boolean().optional().describe('Replace every place where "old" is found'),
  })

/**
 * Options of the tool `edit_file`.
 * @example
 * ```ts
 * import type { EditFileOptions } from 'loomkit'
 *
 * const options: EditFileOptions = { needsApproval: true }
 * ```
 */
export interface EditFileOptions {
  /** Asks the human before each edit. @defaultValue false */
  needsApproval?: boolean
}

/**
 * Creates the tool `edit_file`, which replaces passages in a file. All edits of a call apply, or none.
 * @example
 * ```ts
 * import { editFile, Workspace } from 'loomkit'
 *
 * const tool = editFile(await Workspace.open('/srv/project'))
 * ```
 */
export function editFile(
  workspace: Workspace,
  { needsApproval = false }: EditFileOptions = {},
): NamedTool {
  return defineTool({
    name: 'edit_file',
    title: 'Edit file',
    description:
      'Replaces passages of a text file of the workspace. Each "old" must be found exactly once: ' +
      'quote enough of the text around it, with its indentation and without line numbers. All edits ' +
      'of a call apply to the file as it was before the call, and must not overlap.',
    inputSchema: inputSchema(
      (z) =>
        z.object({
          path: z.string().max(4096).describe('Path of the file, relative to the workspace'),
          edits: z.array(editSchema(z)).min(1).max(100),
        }),
      editFields,
    ),
    retry: 'keyed',
    needsApproval,
    timeoutMs: 60_000,
    execute: async ({ path, edits }, context): Promise<EditFileOutput> => {
      const { applyEdits } = await import('./edit-file/apply.ts')
      let edit: EditResult | undefined
      const change = await workspace.change({
        path,
        key: context.idempotencyKey,
        reader: context.conversation,
        signal: context.signal,
        create: false,
        keepBytes: Infinity,
        bytesMax,
        make: (old = Buffer.alloc(0)) => {
          const list = edits.map((each) => ({ ...each, replaceAll: each.replace_all === true }))
          edit = applyEdits(old, list)
          return Buffer.from(edit.after)
        },
      })
      return outputOf(change.path, edit)
    },
    toModelOutput: ({ output }) => ({ type: 'text', value: output.text }),
  })
}

async function outputOf(path: string, edit: EditResult | undefined): Promise<EditFileOutput> {
  const name = quoted(path)
  if (edit === undefined) {
    const text = `${name} was edited by an earlier attempt of this call.`
    return { path, replacements: 0, diff: '', text }
  }
  const { replacements, isFuzzy, before, after } = edit
  const { unifiedDiff } = await import('./edit-file/unified-diff.ts')
  const diff = unifiedDiff(path, before, after)
  const count = replacements === 1 ? '1 replacement' : `${replacements} replacements`
  const how = isFuzzy ? ', found by similarity: quotes, dashes or white space differ' : ''
  return { path, replacements, diff, text: `Edited ${name} (${count}${how}).\n\n${diff}` }
}

/** The tool of the command. The command asks the human, except for calls that the user allowed. */
export const actingEditFile = defineActingTool({
  name: 'edit_file',
  create: ({ workspace }) => editFile(workspace, { needsApproval: true }),
})
