/**
 * `npm run update-models` writes the list that is part of Loom, from models.dev or from a saved answer
 * of it (`npm run update-models -- api.json`).
 */
import { readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { argv, stdout } from 'node:process'

import { joinCatalog, packCatalog } from './catalog.ts'
import { encodePayload } from './payload.ts'
import { modelsDevUrl } from './refresh.ts'
import { shippedName } from './shipped.ts'

const [, , file] = argv
const { text, takenAt } = file === undefined ? await fetchList() : await fromFile(file)
const encoded = await encodePayload(JSON.parse(text))
const packed = await packCatalog(joinCatalog({ source: modelsDevUrl, takenAt }, encoded), 11)
await writeFile(join(import.meta.dirname, shippedName), packed)
const models = encoded.reduce((sum, { listed }) => sum + listed.models, 0)
stdout.write(`${encoded.length} providers, ${models} models, ${packed.length} bytes\n`)

async function fetchList() {
  const response = await fetch(modelsDevUrl, { headers: { 'user-agent': 'loom' } })
  if (!response.ok) throw new Error(`${modelsDevUrl} answered with ${response.status}.`)
  return { text: await response.text(), takenAt: Date.now() }
}

/** The age is the day in the file's name, or else the time of the file. */
async function fromFile(path: string) {
  const day = /\d{4}-\d{2}-\d{2}/.exec(path)?.[0]
  const takenAt = day === undefined ? (await stat(path)).mtimeMs : Date.parse(day)
  return { text: await readFile(path, 'utf8'), takenAt: Math.round(takenAt) }
}
