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

/** 64 MiB is what unpacking takes of memory. */
const dictionary = 'dict=64MiB'

const filters = {
  /** Jumps in machine code are made alike first. */
  code: [
    ...(process.arch === 'x64' ? ['--x86'] : ['--arm64']),
    `--lzma2=preset=9e,pb=0,lc=4,${dictionary}`,
  ],
  /** Tables of numbers of two bytes and more. */
  tables: [`--lzma2=preset=9e,pb=1,lp=1,lc=1,${dictionary}`],
} as const

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
  kind: keyof typeof filters
  /** Whether the next build has the same. */
  stays: boolean
}

const chunkBytes = 65_536

/**
 * Before and after what is Node's own; that in two parts, which are packed side by side: the second
 * begins with what ICU knows of the world's languages, a quarter of Node.
 */
function piecesOf(program: Buffer): Piece[] {
  const node = nodeInside()
  const isSame = (at: number) =>
    node.compare(program, at, at + chunkBytes, at, at + chunkBytes) === 0
  let [start, end] = [0, Math.floor(node.length / chunkBytes) * chunkBytes]
  while (start < end && !isSame(start)) start += chunkBytes
  while (start < end && !isSame(end - chunkBytes)) end -= chunkBytes
  const icu = program.indexOf(icuHeader, start)
  const middle = icu < start || icu > end ? end : icu
  return [
    { bytes: program.subarray(0, start), kind: 'code', stays: false },
    { bytes: program.subarray(start, middle), kind: 'code', stays: true },
    { bytes: program.subarray(middle, end), kind: 'tables', stays: true },
    { bytes: program.subarray(end), kind: 'code', stays: false },
  ]
}

/** Of ICU's data (`UDataInfo`, little-endian), from its magic number to its format. */
const icuHeader = Buffer.from('da271400000000000200436d6e44', 'hex')

function nodeInside(): Buffer {
  const folder = mkdtempSync(join(tmpdir(), 'loom-build-'))
  try {
    return readFileSync(leanNode(join(folder, 'node')))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

async function pack({ bytes, kind, stays }: Piece): Promise<Buffer> {
  if (!stays) return xz(bytes, kind)
  const digest = digestOf(Buffer.concat([bytes, Buffer.from(filters[kind].join())]))
  const file = join(kept, `${digest}.xz`)
  if (existsSync(file)) return readFileSync(file)
  const packed = await xz(bytes, kind)
  mkdirSync(kept, { recursive: true })
  // Another build may be doing the same.
  const draft = `${file}.${randomUUID()}`
  writeFileSync(draft, packed)
  renameSync(draft, file)
  return packed
}

async function xz(bytes: Buffer, kind: Piece['kind']): Promise<Buffer> {
  const child = spawn('xz', ['--compress', '--stdout', ...filters[kind]], {
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
