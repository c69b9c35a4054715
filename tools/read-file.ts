/**
 * Shows a file of the workspace to the model, with line numbers. The numbers are not in the file, so an
 * edit must omit them. The tool records the version that it read, so that a later edit does not
 * overwrite another writer's change.
 */
import { defineActingTool } from '../src/acting.ts'
import { defineTool } from '../src/define-tool.ts'
import type { OpenFile, Workspace } from '../src/machine/workspace.ts'
import { quoted } from '../src/machine/workspace/file-error.ts'
import { versionOf } from '../src/machine/workspace/readings.ts'
import type { NamedTool } from '../src/tool.ts'
import { inputSchema, pathAliases, renameFields } from './input-schema.ts'
import { type FileKind, headBytes, kindOf } from './read-file/kind.ts'
import { lineCharsMax, linesMax } from './read-file/limits.ts'
import type { TextWindow } from './read-file/text-window.ts'

/**
 * Options of the tool `read_file`.
 * @example
 * ```ts
 * import type { ReadFileOptions } from 'loomkit'
 *
 * const options: ReadFileOptions = { images: true }
 * ```
 */
export interface ReadFileOptions {
  /**
   * Whether the model receives images. Set it only for a model whose API accepts images in tool
   * results; other models would receive long base64 text. If false, the model receives a description.
   * @defaultValue false
   */
  images?: boolean
}

export type ReadFileOutput =
  | {
      kind: 'text'
      path: string
      text: string
      firstLine: number
      lastLine: number
      /** The `offset` that continues the reading; undefined at the end of the file. */
      nextOffset?: number
    }
  | { kind: 'image'; path: string; text: string; mediaType: string; data?: string }

/** An image stays in the conversation, and each later step sends it again. */
const imageBytesMax = 2 * 1024 * 1024

/**
 * Creates the tool `read_file`, which shows a window of a file at a time.
 * @example
 * ```ts
 * import { readFile, Workspace } from 'loomkit'
 *
 * const tool = readFile(await Workspace.open('/srv/project'), { images: true })
 * ```
 */
export function readFile(
  workspace: Workspace,
  { images = false }: ReadFileOptions = {},
): NamedTool {
  return defineTool({
    name: 'read_file',
    title: 'Read file',
    description:
      'Reads a text file of the workspace. Shows each line as "N: text", where N is its number ' +
      `and no part of the file. Shows up to ${linesMax} lines or 50 KB at a time; read on with offset.`,
    inputSchema: inputSchema(
      (z) =>
        z.object({
          path: z.string().max(4096).describe('Path of the file, relative to the workspace'),
          offset: z
            .int()
            .min(0)
            .optional()
            .describe('Number of the first line to show; 1 by default'),
          limit: z.int().min(1).optional().describe(`How many lines to show; ${linesMax} at most`),
        }),
      (fields) => renameFields(fields, pathAliases),
    ),
    retry: 'safe',
    timeoutMs: 60_000,
    execute: async ({ path, offset = 1, limit = linesMax }, context): Promise<ReadFileOutput> => {
      const file = await workspace.openFile(path)
      try {
        const kind = kindOf(await headOf(file))
        if (kind.kind === 'binary') throw binaryError(file, kind.description)
        if (kind.kind === 'image') return await imageOutput(file, kind.mediaType, images)
        const { readWindow } = await import('./read-file/text-window.ts')
        const window = await readWindow(file, {
          ...kind,
          // Some models count lines from 0.
          offset: Math.max(offset, 1),
          limit: Math.min(limit, linesMax),
          signal: context.signal,
        })
        const version = versionOf(file.stats, window.hash)
        workspace.readings.note(context.conversation, file.path, version)
        return textOutput(file, window, kind)
      } finally {
        await file.handle.close()
      }
    },
    toModelOutput: ({ output }) => {
      const { text } = output
      if (output.kind !== 'image' || output.data === undefined) return { type: 'text', value: text }
      const { mediaType, data } = output
      const image = { type: 'file', mediaType, data: { type: 'data', data } } as const
      return { type: 'content', value: [{ type: 'text', text }, image] }
    },
  })
}

async function headOf({ handle }: OpenFile): Promise<Buffer> {
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(headBytes), 0, headBytes, 0)
  return buffer.subarray(0, bytesRead)
}

function textOutput(
  { path }: OpenFile,
  window: TextWindow,
  { encoding }: Extract<FileKind, { kind: 'text' }>,
): ReadFileOutput {
  const { lines, firstLine, total, hasMore } = window
  if (lines.length === 0 && firstLine > 1) {
    const count = total === 1 ? '1 line' : `${total} lines`
    throw new Error(`Offset ${firstLine} is beyond the end of ${quoted(path)}: it has ${count}.`)
  }
  const lastLine = firstLine + lines.length - 1
  const nextOffset = lastLine + 1
  const notices = [
    ...(total === 0 ? ['The file is empty.'] : []),
    ...(encoding === 'utf-8' ? [] : [`The file is ${encoding.toUpperCase()}.`]),
    ...(window.cutLines > 0 ? [`Lines ending in … are cut at ${lineCharsMax} characters.`] : []),
    ...(lines.some((line) => line.includes('\uFFFD')) ? ['\uFFFD may stand for bad bytes.'] : []),
    ...(hasMore
      ? [
          `Lines ${firstLine}-${lastLine}${total === undefined ? '' : ` of ${total}`}. ` +
            `Use offset=${nextOffset} to read on.`,
        ]
      : []),
  ]
  const end = notices.length === 0 ? [] : [`${lines.length > 0 ? '\n' : ''}[${notices.join(' ')}]`]
  const text = [...lines, ...end].join('\n')
  return { kind: 'text', path, text, firstLine, lastLine, ...(hasMore && { nextOffset }) }
}

async function imageOutput(
  { handle, path, stats }: OpenFile,
  mediaType: string,
  images: boolean,
): Promise<ReadFileOutput> {
  const about = `${quoted(path)} is an image (${mediaType}, ${sizeText(stats.size)}).`
  if (!images) return { kind: 'image', path, mediaType, text: `${about} It cannot be shown here.` }
  if (stats.size > imageBytesMax) {
    throw new Error(
      `${about} It is too large to be shown: the limit is ${sizeText(imageBytesMax)}.`,
    )
  }
  const content = Buffer.alloc(Number(stats.size))
  const { bytesRead } = await handle.read(content, 0, content.length, 0)
  const data = content.subarray(0, bytesRead).toString('base64')
  return { kind: 'image', path, mediaType, text: about, data }
}

function binaryError({ path, stats }: OpenFile, description: string): Error {
  return new Error(
    `${quoted(path)} is a binary file (${description}; ${sizeText(stats.size)}), not text.`,
  )
}

function sizeText(bytes: bigint | number): string {
  const count = Number(bytes)
  if (count < 1024) return `${count} bytes`
  return count < 1024 * 1024
    ? `${(count / 1024).toFixed(1)} KB`
    : `${(count / 1024 / 1024).toFixed(1)} MB`
}

/** The tool of the command. */
export const actingReadFile = defineActingTool({
  name: 'read_file',
  create: ({ workspace }) => readFile(workspace),
})
