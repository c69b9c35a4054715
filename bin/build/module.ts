/** Builds `dist/loom.mjs`: the command in one file, for machines that have Node.js. */
import { mkdirSync, writeFileSync } from 'node:fs'

import { bundle } from './bundle.ts'
import { installedContents } from './contents.ts'
import { moduleEmbedding, moduleText } from './embedding.ts'
import { place } from './place.ts'

export async function buildModule(): Promise<void> {
  const { main, chunks, modules } = await bundle({ embedding: moduleEmbedding, isOneFile: false })
  mkdirSync(place.dist, { recursive: true })
  const text = moduleText({ first: main, code: chunks, files: installedContents(modules) })
  writeFileSync(place.module, text, { mode: 0o755 })
}
