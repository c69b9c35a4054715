/**
 * Changes passages of a file of the workspace. Edits are all or nothing: each must apply to the file
 * as it is, or none is made. A call that is repeated after its process died is told apart by the
 * workspace's journal, not by looking whether the new text is there.
 */
import { z } from 'zod'

import { defineTool } from '../src/define-tool.ts'
import type { NamedTool } from '../src/tool.ts'
import type { Workspace } from '../src/workspace.ts'
import { quoted } from '../src/workspace/file-error.ts'
import { applyEdits, type Edited } from './edit-file/apply.ts'
import { editFields } from './edit-file/edits-input.ts'
import { unifiedDiff } from './edit-file/unified-diff.ts'
import { inputSchema } from './input-schema.ts'

export interface EditFileOutput {
  path: string
  replacements: number
  /** Unified; empty where an earlier attempt of the same call has made the change. */
  diff: string
  text: string
}

/** Larger files are for other means: an edit holds the whole text in memory, and searches it. */
const bytesMax = 16 * 1024 * 1024

const editSchema = z.object({
  old: z.string().describe('The passage to replace, exactly as it is in the file'),
  new: z.string().describe('What takes its place; empty to delete it'),
  replace_all: z.boolean().optional().describe('Replace every place where "old" is found'),
})

export interface EditFileOptions {
  /** Asks the human before each edit. @defaultValue false */
  needsApproval?: boolean
}

/** Replaces passages of a file, all of them or none. */
export function editFile(
  workspace: Workspace,
  { needsApproval = false }: EditFileOptions = {},
): NamedTool {
  return defineTool({
    name: 'edit_file',
    title: 'Edit file',
    description:
      'Replaces passages of a text file of the workspace. Each "old" must be found exactly once: ' +
      'quote enough of what is around it, with its indentation and without line numbers. All edits ' +
      'of a call are looked up in the file as it was before any of them, and must not overlap.',
    inputSchema: inputSchema(
      z.object({
        path: z.string().max(4096).describe('Path of the file, relative to the workspace'),
        edits: z.array(editSchema).min(1).max(100),
      }),
      editFields,
    ),
    retry: 'keyed',
    needsApproval,
    timeoutMs: 60_000,
    execute: async ({ path, edits }, context): Promise<EditFileOutput> => {
      let edited: Edited | undefined
      const changed = await workspace.change({
        path,
        key: context.idempotencyKey,
        reader: context.conversation,
        signal: context.signal,
        create: false,
        keepBytes: Infinity,
        bytesMax,
        make: (old = Buffer.alloc(0)) => {
          const list = edits.map((edit) => ({ ...edit, replaceAll: edit.replace_all === true }))
          edited = applyEdits(old, list)
          return Buffer.from(edited.after)
        },
      })
      return outputOf(changed.path, edited)
    },
    toModelOutput: ({ output }) => ({ type: 'text', value: output.text }),
  })
}

function outputOf(path: string, edited: Edited | undefined): EditFileOutput {
  const name = quoted(path)
  if (edited === undefined) {
    const text = `${name} was edited by an earlier attempt of this call.`
    return { path, replacements: 0, diff: '', text }
  }
  const { replacements, isFuzzy, before, after } = edited
  const diff = unifiedDiff(path, before, after)
  const count = replacements === 1 ? '1 replacement' : `${replacements} replacements`
  const how = isFuzzy ? ', found by its look: quotes, dashes or white space differ' : ''
  return { path, replacements, diff, text: `Edited ${name} (${count}${how}).\n\n${diff}` }
}
