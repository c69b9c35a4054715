/**
 * Of the lines that ripgrep has found, those that the workspace's own files hold at that place. The
 * rest is from files that have changed since, or from one that a link led to for a moment.
 */
import type { FileHandle } from 'node:fs/promises'

import type { Workspace } from '../../src/workspace.ts'
import { FileRefusal } from '../../src/workspace/file-error.ts'
import type { FoundLine } from './found-line.ts'

/** UTF-16 is decoded whole to find a place in it. */
const decodedBytesMax = 16 * 1024 * 1024

type Lookup = (offset: number, length: number) => Promise<Buffer>

export async function provenLines(
  workspace: Workspace,
  lines: readonly FoundLine[],
  signal: AbortSignal,
): Promise<FoundLine[]> {
  const proven: FoundLine[] = []
  for (const [path, ofFile] of Map.groupBy(lines, (line) => line.path)) {
    signal.throwIfAborted()
    proven.push(...(await provenInFile(workspace, path, ofFile)))
  }
  return proven
}

async function provenInFile(
  workspace: Workspace,
  path: string,
  lines: FoundLine[],
): Promise<FoundLine[]> {
  try {
    const { handle } = await workspace.openFile(path)
    try {
      const lookup = await lookupIn(handle)
      const isProven = await Promise.all(
        lines.map(async ({ offset, bytes }) => bytes.equals(await lookup(offset, bytes.length))),
      )
      return lines.filter((_, index) => isProven[index] === true)
    } finally {
      await handle.close()
    }
  } catch (error) {
    // Gone, or replaced by what is no file of the workspace.
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
  const wanted = Math.max(0, Math.min(length, size - offset))
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(wanted), 0, wanted, offset)
  return buffer.subarray(0, bytesRead)
}
