/**
 * How an artefact of one file carries others inside, code too, and the module that reads them there in
 * the place of `src/ground/asset/embedded.ts`.
 *
 * An executable has room for them as they are. A `.mjs` has them behind its code, in comments: Node
 * parses all of a module before it runs any, and skips a comment at no cost. So only the first words
 * are code; the rest is unpacked when it is imported or read.
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
 * Reads from the end of a `.mjs`. Whole modules are imported: a Node that lacks what is used of them
 * gets as far as to be told that it is too old.
 */
const reader = `
import fs from 'node:fs'
import zlib from 'node:zlib'
function carriedBy(self) {
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

/** Its code is imported as if the artefact were a folder, which it stands in. */
export const moduleEmbedding = `
import path from 'node:path'
${reader}
export const embedded = { read: carriedBy(path.dirname(import.meta.filename)) }
`

const codeFolder = 'code'

/** The first words of a `.mjs`. Whatever stands behind them may import the carried code by \`./\`. */
const opening = `#!/usr/bin/env node
import nodeModule from 'node:module'
${reader}
if (nodeModule.registerHooks) {
  const read = carriedBy(import.meta.filename)
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
  /** Code that runs at once. */
  first: string
  /** What that imports, by file name. */
  code: ReadonlyMap<string, string>
  files: Files
}

export function moduleText({ first, code, files }: ModuleParts): Buffer {
  const carried = new Map(files)
  for (const [name, text] of code) carried.set(`${codeFolder}/${name}`, Buffer.from(text))
  const places: [path: string, place: [start: number, length: number]][] = []
  let text = Buffer.from(opening + first.replace(/^#!.*\n/, '').trimEnd())
  for (const [path, bytes] of carried) {
    const packed = zstdCompressSync(bytes, level).toString('base64')
    text = Buffer.concat([text, Buffer.from(`\n//${packed}`)])
    places.push([path, [text.length - packed.length, packed.length]])
  }
  const index = JSON.stringify(places)
  const size = String(index.length).padStart(9, '0')
  return Buffer.concat([text, Buffer.from(`\n//${index}\n//${size}\n`)])
}

const level = { params: { [constants.ZSTD_c_compressionLevel]: 19 } }
