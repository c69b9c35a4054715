/**
 * Writes a whole file of the workspace. The file appears at once or not at all; its mode, its byte order
 * mark and its line endings are kept, and a link is written through to the file that it leads to.
 */
import { z } from 'zod'

import { defineTool } from '../src/define-tool.ts'
import type { NamedTool } from '../src/tool.ts'
import type { Workspace } from '../src/workspace.ts'
import { quoted } from '../src/workspace/file-error.ts'
import { inputSchema, pathAliases, renamed } from './input-schema.ts'
import { inFormOf } from './text-form.ts'

export interface WriteFileOutput {
  path: string
  created: boolean
  bytes: number
  text: string
}

export interface WriteFileOptions {
  /** Asks the human before each write. @defaultValue false */
  needsApproval?: boolean
}

/** So much of an old file shows its form. */
const formBytes = 1024 * 1024

/** Writes a whole file. */
export function writeFile(
  workspace: Workspace,
  { needsApproval = false }: WriteFileOptions = {},
): NamedTool {
  return defineTool({
    name: 'write_file',
    title: 'Write file',
    description:
      'Writes a file of the workspace: makes it, with the directories above it, or replaces all of ' +
      'its content. To change a part of a file use edit_file.',
    inputSchema: inputSchema(
      z.object({
        path: z.string().max(4096).describe('Path of the file, relative to the workspace'),
        content: z.string().describe('The whole content of the file'),
      }),
      (fields) => renamed(fields, { ...pathAliases, content: ['contents', 'text'] }),
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
