/**
 * Stores the command of a version, so that a test can run it beside this one:
 * `npx node test/versions/write-command.ts 0.1 <path of loom.mjs>`. The command is the output of
 * `npm run build` in a checkout of the release. That of 0.1 is from commit c8036ad, the last one before
 * records had a version, with the correction of `src/session/turn-log.ts` in commit c742f70: without it,
 * an instance that stops may end a stream without the last words. ripgrep is left out, because only the tools of an agent that acts on the
 * machine need it. That makes the file smaller by two thirds.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { argv } from 'node:process'
import { brotliCompressSync, constants } from 'node:zlib'

const [, , version, path] = argv
if (version === undefined || path === undefined) {
  throw new Error('The arguments are the version, such as 0.1, and the path of its loom.mjs.')
}

// The file is code, then a comment for each embedded file, then their index and its length. See
// `bin/build/embedding.ts`.
const text = readFileSync(path, 'latin1')
const indexLength = Number(text.slice(-10, -1))
const places: [path: string, place: [start: number, length: number]][] = JSON.parse(
  text.slice(-13 - indexLength, -13),
)
const codeEnd = Math.min(...places.map(([, [start]]) => start)) - '\n//'.length
let small = text.slice(0, codeEnd)
const kept: typeof places = []
for (const [name, [start, length]] of places) {
  if (name.startsWith('program/')) continue
  small += `\n//${text.slice(start, start + length)}`
  kept.push([name, [small.length - length, length]])
}
const index = JSON.stringify(kept)
small += `\n//${index}\n//${String(index.length).padStart(9, '0')}\n`

const target = join(import.meta.dirname, version, 'loom.mjs.br')
const packed = brotliCompressSync(Buffer.from(small, 'latin1'), {
  params: { [constants.BROTLI_PARAM_LGWIN]: 24 },
})
writeFileSync(target, packed)
process.stdout.write(`${target}: ${(packed.length / 1e6).toFixed(2)} MB\n`)
