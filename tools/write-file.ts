/**
 * Writes a whole file of the workspace. A reader sees the old content or the new one, never a part. The
 * file keeps its mode, byte order mark and line endings. A path that is a link changes the link's target.
 */
import { defineActingTool } from '../src/acting.ts'
import { defineTool } from '../src/define-tool.ts'
import type { Workspace } from '../src/machine/workspace.ts'
import { quoted } from '../src/machine/workspace/file-error.ts'
import type { NamedTool } from '../src/tool.ts'
import { inputSchema, pathAliases, renameFields } from './input-schema.ts'
import { inFormOf } from './text-form.ts'

export interface WriteFileOutput {
  path: string
  created: boolean
  bytes: number
  text: string
}

/**
 * Options of the tool `write_file`.
 * @example
 * ```ts
 * import type { WriteFileOptions } from 'loomkit'
 *
 * const options: WriteFileOptions = { needsApproval: true }
 * ```
 */
export interface WriteFileOptions {
  /** Asks the human before each write. @defaultValue false */
  needsApproval?: boolean
}

/** The form (`text-form.ts`) of an old file is read from its first bytes. */
const formBytes = 1024 * 1024

/**
 * Creates the tool `write_file`, which creates a file or replaces its whole content.
 * @example
 * ```ts
 * import { Workspace, writeFile } from 'loomkit'
 *
 * const tool = writeFile(await Workspace.open('/srv/project'))
 * ```
 */
export function writeFile(
  workspace: Workspace,
  { needsApproval = false }: WriteFileOptions = {},
): NamedTool {
  return defineTool({
    name: 'write_file',
    title: 'Write file',
    description:
      'Writes a file of the workspace: creates it, with the directories above it, or replaces all of ' +
      'its content. To change a part of a file use edit_file.',
    inputSchema: inputSchema(
      (z) =>
        z.object({
          path: z.string().max(4096).describe('Path of the file, relative to the workspace'),
          content: z.string().describe('The whole content of the file'),
        }),
      (fields) => renameFields(fields, { ...pathAliases, content: ['contents', 'text'] }),
    ),
    retry: 'keyed',
    needsApproval,
    timeoutMs: 60_000,
    execute: async ({ path, content }, context): Promise<WriteFileOutput> => {
      let bytes = Buffer.from(content)
      const { path: realPath, outcome } = await workspace.change({
        path,
        key: context.idempotencyKey,
        reader: context.conversation,
        signal: context.signal,
        create: true,
        keepBytes: formBytes,
        bytesMax: Number.POSITIVE_INFINITY,
        make: (old) => (bytes = inFormOf(old ?? Buffer.alloc(0), content)),
      })
      const name = quoted(realPath)
      const size = `${bytes.length} ${bytes.length === 1 ? 'byte' : 'bytes'}`
      const texts = {
        created: `Created ${name} (${size}).`,
        changed: `Overwrote ${name} (${size}).`,
        same: `${name} had this content already (${size}).`,
        already: `${name} was written by an earlier attempt of this call (${size}).`,
      }
      const created = outcome === 'created'
      return { path: realPath, created, bytes: bytes.length, text: texts[outcome] }
    },
    toModelOutput: ({ output }) => ({ type: 'text', value: output.text }),
  })
}

/** The tool of the command. The command asks the human, except for calls that the user allowed. */
export const actingWriteFile = defineActingTool({
  name: 'write_file',
  create: ({ workspace }) => writeFile(workspace, { needsApproval: true }),
})
