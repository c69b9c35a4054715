/** A whole file, hashed, and kept only if its content is wanted. */
import { createHash } from 'node:crypto'
import type { BigIntStats } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'

import { FileRefusal, quoted } from './file-error.ts'

export interface Content {
  hash: string
  stats: BigIntStats
  /** Empty where it was not wanted. */
  bytes: Buffer
}

export interface ContentOptions {
  path: string
  keep: boolean
  /** Larger files are refused. */
  bytesMax: number
  signal: AbortSignal
}

const chunkBytes = 256 * 1024

export async function readContent(handle: FileHandle, options: ContentOptions): Promise<Content> {
  const { path, keep, bytesMax, signal } = options
  const stats = await handle.stat({ bigint: true })
  const hash = createHash('sha256')
  const chunks: Buffer[] = []
  const chunk = Buffer.allocUnsafe(chunkBytes)
  let length = 0
  for (;;) {
    signal.throwIfAborted()
    const { bytesRead } = await handle.read(chunk, 0, chunkBytes, length)
    if (bytesRead === 0) break
    length += bytesRead
    if (length > bytesMax) throw tooLarge(path, bytesMax)
    hash.update(chunk.subarray(0, bytesRead))
    if (keep) chunks.push(Buffer.from(chunk.subarray(0, bytesRead)))
  }
  return { hash: hash.digest('hex'), stats, bytes: Buffer.concat(chunks) }
}

const tooLarge = (path: string, bytesMax: number) =>
  new FileRefusal(`${quoted(path)} is larger than ${bytesMax / 1024 / 1024} MB.`)
