/**
 * Embeds files and code in a single-file artefact. The modules below replace
 * `src/ground/asset/embedded.ts` and read the embedded files.
 *
 * An executable stores the files unchanged. A `.mjs` stores them after its code, in comments.
 * Node.js parses a whole module before it runs it, but skips comments at no cost. So only the start
 * of the file is parsed as code, and the rest is unpacked when it is imported or read.
 */
import { constants, zstdCompressSync } from 'node:zlib'

export type Files = ReadonlyMap<string, Uint8Array>

export const executableEmbedding = `
import { getAssetKeys, getRawAsset } from 'node:sea'
const paths = new Set(getAssetKeys())
export const embedded = {
  read: (path) => (paths.has(path) ? new Uint8Array(getRawAsset(path)) : undefined),
}
`

/**
 * Reads the files from the end of a `.mjs`. It imports default exports and no single names, so that
 * an older Node.js can still run the code that reports its version.
 */
const reader = `
import fs from 'node:fs'
import zlib from 'node:zlib'
function filesIn(self) {
  const file = fs.openSync(self)
  const text = (start, length) => {
    const bytes = Buffer.alloc(length)
    fs.readSync(file, bytes, 0, length, start)
    return bytes.toString('latin1')
  }
  const end = fs.fstatSync(file).size
  const length = Number(text(end - 10, 9))
  const places = new Map(JSON.parse(text(end - 13 - length, length)))
  return (path) => {
    const place = places.get(path)
    return place && zlib.zstdDecompressSync(Buffer.from(text(place[0], place[1]), 'base64'))
  }
}
`

/** The code is imported from the path of the artefact, as if the artefact were its folder. */
export const moduleEmbedding = `
import path from 'node:path'
${reader}
export const embedded = { read: filesIn(path.dirname(import.meta.filename)) }
`

const codeFolder = 'code'

/** The start of a `.mjs`. The code after it can import the embedded code by \`./\`. */
const opening = `#!/usr/bin/env node
import nodeModule from 'node:module'
${reader}
if (nodeModule.registerHooks) {
  const read = filesIn(import.meta.filename)
  const folder = import.meta.url + '/'
  nodeModule.registerHooks({
    resolve(specifier, context, next) {
      const { parentURL = '' } = context
      const isOurs = parentURL === import.meta.url || parentURL.startsWith(folder)
      if (!isOurs || !specifier.startsWith('./')) return next(specifier, context)
      return { url: new URL(specifier, folder).href, format: 'module', shortCircuit: true }
    },
    load(url, context, next) {
      if (!url.startsWith(folder)) return next(url, context)
      const source = read('${codeFolder}/' + url.slice(folder.length))
      return { format: 'module', source, shortCircuit: true }
    },
  })
}
`

export interface ModuleParts {
  /** The code of the entry point, which runs at once. */
  first: string
  /** The code that the entry point imports, by file name. */
  code: ReadonlyMap<string, string>
  files: Files
}

export function moduleText({ first, code, files }: ModuleParts): Buffer {
  const contents = new Map(files)
  for (const [name, text] of code) contents.set(`${codeFolder}/${name}`, Buffer.from(text))
  const places: [path: string, place: [start: number, length: number]][] = []
  let text = Buffer.from(opening + first.replace(/^#!.*\n/, '').trimEnd())
  for (const [path, bytes] of contents) {
    const packed = zstdCompressSync(bytes, level).toString('base64')
    text = Buffer.concat([text, Buffer.from(`\n//${packed}`)])
    places.push([path, [text.length - packed.length, packed.length]])
  }
  const index = JSON.stringify(places)
  const size = String(index.length).padStart(9, '0')
  return Buffer.concat([text, Buffer.from(`\n//${index}\n//${size}\n`)])
}

const level = { params: { [constants.ZSTD_c_compressionLevel]: 19 } }
