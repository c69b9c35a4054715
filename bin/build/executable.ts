/**
 * Builds `dist/loom`: the command together with the Node.js that builds it. The symbols and the
 * unwind tables of C++ are removed, because only a debugger reads them. (Node.js is built without
 * C++ exceptions. A crash of Node.js itself then prints no native stack.)
 */
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

import { bundle } from './bundle.ts'
import { installedContents } from './contents.ts'
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
    for (const [path, bytes] of installedContents(modules)) {
      const file = join(folder, 'artefactContents', path)
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
      // The NODE_OPTIONS of the user are for their own Node.js.
      execArgvExtension: 'none',
    }
    writeFileSync(join(folder, 'executable.json'), JSON.stringify(settings))
    // A running program cannot be overwritten, but it continues to run after its file is removed.
    rmSync(place.executable, { force: true })
    run(process.execPath, ['--build-sea', join(folder, 'executable.json')])
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Writes the stripped Node.js to this path. */
function leanNode(path: string): string {
  const sections = ['.eh_frame', '.eh_frame_hdr'].map((name) => `--remove-section=${name}`)
  run('strip', ['--strip-all', ...sections, '-o', path, process.execPath])
  return path
}

function run(program: string, words: readonly string[]): void {
  execFileSync(program, words, { stdio: ['ignore', 'ignore', 'inherit'] })
}
