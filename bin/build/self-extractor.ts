/**
 * `dist/loom.run`: the executable as a download, a shell script with an xz archive behind it. It is
 * unpacked once, into the user's cache, under a name that is made from its content.
 */
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { buffer } from 'node:stream/consumers'

import { place } from './place.ts'
import { unpackingScript } from './unpacking-script.ts'

const options = [
  // Makes the addresses of jumps in machine code alike before they are compressed.
  process.arch === 'x64' ? '--x86' : '--arm64',
  // The dictionary is what unpacking takes of memory. A stronger preset saves nothing here.
  '--lzma2=preset=6,nice=128,dict=64MiB',
  // Two blocks, so that two cores compress. The size is fixed: every machine makes the same bytes.
  '--threads=2',
  '--block-size=64MiB',
]

export async function buildSelfExtractor(): Promise<void> {
  const program = readFileSync(place.executable)
  const digest = createHash('sha256').update(program).digest('hex').slice(0, 16)
  const script = unpackingScript({ digest, size: program.length })
  const archive = Buffer.concat([Buffer.from(script), await xz(program)])
  rmSync(place.selfExtractor, { force: true })
  writeFileSync(place.selfExtractor, archive, { mode: 0o755 })
}

async function xz(bytes: Buffer): Promise<Buffer> {
  const child = spawn('xz', ['--compress', '--stdout', ...options], {
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
