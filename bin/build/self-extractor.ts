/**
 * Builds `dist/loom.run`: the executable as a download. It is a shell script with an xz archive
 * after it. It unpacks the program once, to the cache of the user, under a name with the hash of
 * the content.
 */
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { buffer } from 'node:stream/consumers'

import { place } from './place.ts'
import { unpackingScript } from './unpacking-script.ts'

const options = [
  // Converts the jump addresses of machine code, so that they compress better.
  process.arch === 'x64' ? '--x86' : '--arm64',
  // Unpacking needs as much memory as the dictionary. A stronger preset saves no space here.
  '--lzma2=preset=6,nice=128,dict=64MiB',
  // Two blocks let two cores compress. The block size is fixed, so that every machine builds the
  // same bytes.
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
