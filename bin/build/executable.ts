/**
 * `dist/loom`: the command with the Node inside that builds it. Of that Node what only a debugger
 * reads is left out: its symbols, and the tables for unwinding C++ (Node is built without C++
 * exceptions; a crash of Node itself prints no native stack then).
 */
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

import { bundle } from './bundle.ts'
import { carried } from './carried.ts'
import { executableEmbedding } from './embedding.ts'
import { place } from './place.ts'

export async function buildExecutable(): Promise<void> {
  if (process.platform !== 'linux') throw new Error('The executable can be built on Linux only.')
  const { main: code, modules } = await bundle({ embedding: executableEmbedding, isOneFile: true })
  const folder = mkdtempSync(join(tmpdir(), 'loom-build-'))
  try {
    const node = leanNode(join(folder, 'node'))
    const main = join(folder, 'loom.mjs')
    writeFileSync(main, code)
    const assets: Record<string, string> = {}
    for (const [path, bytes] of carried(modules)) {
      const file = join(folder, 'carried', path)
      mkdirSync(dirname(file), { recursive: true })
      writeFileSync(file, bytes)
      assets[path] = file
    }
    mkdirSync(place.dist, { recursive: true })
    const settings = {
      main,
      mainFormat: 'module',
      executable: node,
      output: place.executable,
      assets,
      useCodeCache: true,
      disableExperimentalSEAWarning: true,
      // NODE_OPTIONS are the user's for their own Node.
      execArgvExtension: 'none',
    }
    writeFileSync(join(folder, 'executable.json'), JSON.stringify(settings))
    // A program that runs cannot be written over; one that is put in its place goes on.
    rmSync(place.executable, { force: true })
    run(process.execPath, ['--build-sea', join(folder, 'executable.json')])
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Writes it there. */
function leanNode(path: string): string {
  const sections = ['.eh_frame', '.eh_frame_hdr'].map((name) => `--remove-section=${name}`)
  run('strip', ['--strip-all', ...sections, '-o', path, process.execPath])
  return path
}

function run(program: string, words: readonly string[]): void {
  execFileSync(program, words, { stdio: ['ignore', 'ignore', 'inherit'] })
}
