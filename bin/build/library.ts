/**
 * Builds the sources as JavaScript with type declarations, in the same folders, because Node.js
 * strips no types in `node_modules`. The assets are beside them, where `src/ground/asset.ts` reads
 * them.
 */
import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

import { assetFiles } from './asset-files.ts'
import { place, root } from './place.ts'

export function buildLibrary(): void {
  rmSync(place.library, { recursive: true, force: true })
  const compiler = join(root, 'node_modules/typescript/bin/tsc')
  const project = join(import.meta.dirname, 'tsconfig.json')
  execFileSync(process.execPath, [compiler, '-p', project], { cwd: root, stdio: 'inherit' })
  for (const file of declarations()) {
    // The compiler keeps the `.ts` extension in these imports, but the package has no sources.
    writeFileSync(file, readFileSync(file, 'utf8').replaceAll(relativeTypeScript, '$1.js$2'))
  }
  for (const path of assetFiles().keys()) {
    const target = join(place.library, path)
    mkdirSync(dirname(target), { recursive: true })
    cpSync(join(root, path), target)
  }
  writeFileSync(join(place.library, 'package.json'), innerManifest())
}

const relativeTypeScript = /((?:from|import\()\s*'\.[^']*)\.ts(')/g

function declarations(): string[] {
  return readdirSync(place.library, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.name.endsWith('.d.ts'))
    .map((entry) => join(entry.parentPath, entry.name))
}

/**
 * The fields of the manifest that the command reads. The whole manifest would define a second
 * package of this name.
 */
function innerManifest(): string {
  const { version }: { version: string } = JSON.parse(
    readFileSync(join(root, 'package.json'), 'utf8'),
  )
  return `${JSON.stringify({ private: true, version, type: 'module', sideEffects: false })}\n`
}
