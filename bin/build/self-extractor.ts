/**
 * `dist/loom.run`: the executable as a download, a shell script with an xz archive behind it. It is
 * unpacked once, into the user's cache, under a name that is made from its content.
 *
 * The archive is made of pieces that xz reads as one. The largest is a part of Node that is the same
 * in every build: packing it takes a minute, so the packed piece is kept in `.cache/`.
 */
import { spawn } from 'node:child_process'
import { createHash, randomUUID } from 'node:crypto'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'

import { leanNode } from './executable.ts'
import { place, root } from './place.ts'
import { unpackingScript } from './unpacking-script.ts'

const kept = join(root, '.cache/packed')

/** Jumps in machine code are made alike first. 64 MiB is what unpacking takes of memory. */
const filters = [
  ...(process.arch === 'x64' ? ['--x86'] : ['--arm64']),
  '--lzma2=preset=9e,pb=0,lc=4,dict=64MiB',
]

export async function buildSelfExtractor(): Promise<void> {
  const program = readFileSync(place.executable)
  const pieces = await Promise.all(piecesOf(program).map(pack))
  const script = unpackingScript({ digest: digestOf(program), size: program.length })
  rmSync(place.selfExtractor, { force: true })
  const archive = Buffer.concat([Buffer.from(script), ...pieces])
  writeFileSync(place.selfExtractor, archive, { mode: 0o755 })
}

interface Piece {
  bytes: Buffer
  /** Whether the next build has the same. */
  stays: boolean
}

const chunkBytes = 65_536

/** Before and after what is Node's own; that in two halves, which are packed side by side. */
function piecesOf(program: Buffer): Piece[] {
  const node = nodeInside()
  const isSame = (at: number) =>
    node.compare(program, at, at + chunkBytes, at, at + chunkBytes) === 0
  let [start, end] = [0, Math.floor(node.length / chunkBytes) * chunkBytes]
  while (start < end && !isSame(start)) start += chunkBytes
  while (start < end && !isSame(end - chunkBytes)) end -= chunkBytes
  const middle = Math.floor((start + end) / 2)
  return [
    { bytes: program.subarray(0, start), stays: false },
    { bytes: program.subarray(start, middle), stays: true },
    { bytes: program.subarray(middle, end), stays: true },
    { bytes: program.subarray(end), stays: false },
  ]
}

function nodeInside(): Buffer {
  const folder = mkdtempSync(join(tmpdir(), 'loom-build-'))
  try {
    return readFileSync(leanNode(join(folder, 'node')))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

async function pack({ bytes, stays }: Piece): Promise<Buffer> {
  if (!stays) return xz(bytes)
  const file = join(kept, `${digestOf(Buffer.concat([bytes, Buffer.from(filters.join())]))}.xz`)
  if (existsSync(file)) return readFileSync(file)
  const packed = await xz(bytes)
  mkdirSync(kept, { recursive: true })
  // Another build may be doing the same.
  const draft = `${file}.${randomUUID()}`
  writeFileSync(draft, packed)
  renameSync(draft, file)
  return packed
}

async function xz(bytes: Buffer): Promise<Buffer> {
  const child = spawn('xz', ['--compress', '--stdout', ...filters], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const ended = new Promise<void>((resolve, reject) => {
    child.once('error', (cause) => reject(new Error('xz cannot be started.', { cause })))
    child.once('close', (code) =>
      code === 0 ? resolve() : reject(new Error(`xz ended with ${code}.`)),
    )
  })
  child.stdin.on('error', () => undefined).end(bytes)
  const [packed] = await Promise.all([buffer(child.stdout), ended])
  return packed
}

const digestOf = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex').slice(0, 16)
