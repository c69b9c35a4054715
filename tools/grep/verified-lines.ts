/**
 * Selects those of ripgrep's lines that a file of the workspace really holds at that offset. The other
 * lines come from files that changed meanwhile, or from a file outside to which a link led for a moment.
 */
import type { FileHandle } from 'node:fs/promises'

import type { Workspace } from '../../src/machine/workspace.ts'
import { FileRefusal } from '../../src/machine/workspace/file-error.ts'
import type { FoundLine } from './found-line.ts'

/** The maximum size of a UTF-16 file: the offsets count UTF-8, so the file is decoded from its start. */
const decodedBytesMax = 16 * 1024 * 1024

type Lookup = (offset: number, length: number) => Promise<Buffer>

export async function verifiedLines(
  workspace: Workspace,
  lines: readonly FoundLine[],
  signal: AbortSignal,
): Promise<FoundLine[]> {
  const verified: FoundLine[] = []
  for (const [path, fileLines] of Map.groupBy(lines, (line) => line.path)) {
    signal.throwIfAborted()
    verified.push(...(await verifiedInFile(workspace, path, fileLines)))
  }
  return verified
}

async function verifiedInFile(
  workspace: Workspace,
  path: string,
  lines: FoundLine[],
): Promise<FoundLine[]> {
  try {
    const { handle } = await workspace.openFile(path)
    try {
      const lookup = await lookupIn(handle)
      const isEqual = await Promise.all(
        lines.map(async ({ offset, bytes }) => bytes.equals(await lookup(offset, bytes.length))),
      )
      return lines.filter((_, index) => isEqual[index] === true)
    } finally {
      await handle.close()
    }
  } catch (error) {
    // The file is gone, or something other than a regular file of the workspace replaced it.
    if (error instanceof FileRefusal) return []
    throw error
  }
}

async function lookupIn(handle: FileHandle): Promise<Lookup> {
  const [first, second, third] = await readAt(handle, 0, 3)
  const encoding =
    first === 0xff && second === 0xfe
      ? 'utf-16le'
      : first === 0xfe && second === 0xff
        ? 'utf-16be'
        : undefined
  if (encoding !== undefined) {
    const raw = await readAt(handle, 0, decodedBytesMax)
    const text = Buffer.from(new TextDecoder(encoding).decode(raw))
    return async (offset, length) => text.subarray(offset, offset + length)
  }
  const bom = first === 0xef && second === 0xbb && third === 0xbf ? 3 : 0
  return (offset, length) => readAt(handle, offset + bom, length)
}

async function readAt(handle: FileHandle, offset: number, length: number): Promise<Buffer> {
  const { size } = await handle.stat()
  const available = Math.max(0, Math.min(length, size - offset))
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(available), 0, available, offset)
  return buffer.subarray(0, bytesRead)
}
