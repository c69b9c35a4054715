/** `dist/loom.mjs`: the command in one file, for whoever has Node. */
import { mkdirSync, writeFileSync } from 'node:fs'

import { bundle } from './bundle.ts'
import { carried } from './carried.ts'
import { moduleEmbedding, moduleText } from './embedding.ts'
import { place } from './place.ts'

export async function buildModule(): Promise<void> {
  const { main, chunks, modules } = await bundle({ embedding: moduleEmbedding, isOneFile: false })
  mkdirSync(place.dist, { recursive: true })
  const text = moduleText({ first: main, code: chunks, files: carried(modules) })
  writeFileSync(place.module, text, { mode: 0o755 })
}
