/** Reads a whole file, hashes it, and keeps the beginning of its content. */
import { createHash } from 'node:crypto'
import type { BigIntStats } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'

import { FileRefusal, quoted } from './file-error.ts'

export interface Content {
  hash: string
  stats: BigIntStats
  /** The beginning of the content, at most `keepBytes`. */
  bytes: Buffer
}

export interface ContentOptions {
  path: string
  /** `Infinity` keeps all. */
  keepBytes: number
  /** The maximum size in bytes. A larger file is refused. */
  bytesMax: number
  signal: AbortSignal
}

const chunkBytes = 256 * 1024

/** @throws FileRefusal if the file is larger than `bytesMax`. */
export async function readContent(handle: FileHandle, options: ContentOptions): Promise<Content> {
  const { path, keepBytes, bytesMax, signal } = options
  const stats = await handle.stat({ bigint: true })
  const hash = createHash('sha256')
  const chunks: Buffer[] = []
  const chunk = Buffer.allocUnsafe(chunkBytes)
  let length = 0
  for (;;) {
    signal.throwIfAborted()
    const { bytesRead } = await handle.read(chunk, 0, chunkBytes, length)
    if (bytesRead === 0) break
    const room = keepBytes - length
    length += bytesRead
    if (length > bytesMax) throw tooLarge(path, bytesMax)
    hash.update(chunk.subarray(0, bytesRead))
    if (room > 0) chunks.push(Buffer.from(chunk.subarray(0, Math.min(bytesRead, room))))
  }
  return { hash: hash.digest('hex'), stats, bytes: Buffer.concat(chunks) }
}

const tooLarge = (path: string, bytesMax: number) =>
  new FileRefusal(`${quoted(path)} is larger than ${bytesMax / 1024 / 1024} MB.`)
