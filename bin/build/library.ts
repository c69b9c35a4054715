/**
 * Builds the sources as JavaScript with type declarations, because Node.js strips no types in
 * `node_modules`. The assets are in modules (`asset-modules.ts`), so that a bundle
 * of a user contains them.
 */
import { execFileSync } from 'node:child_process'
import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'

import { assetFiles } from './asset-files.ts'
import { assetModule, isNotice } from './asset-modules.ts'
import { joinModules } from './library-chunks.ts'
import { place, root } from './place.ts'

export async function buildLibrary(): Promise<void> {
  rmSync(place.library, { recursive: true, force: true })
  const compiler = join(root, 'node_modules/typescript/bin/tsc')
  const project = join(import.meta.dirname, 'tsconfig.json')
  // The compiler's threads each check the types that they share, so one thread needs half of the work.
  execFileSync(process.execPath, [compiler, '-p', project, '--singleThreaded'], {
    cwd: root,
    stdio: 'inherit',
  })
  for (const file of declarations()) {
    // The compiler keeps the `.ts` extension in these imports, but the package has no sources.
    writeFileSync(file, readFileSync(file, 'utf8').replaceAll(relativeTypeScript, '$1.js$2'))
  }
  const assets = assetFiles()
  const assetModules: string[] = []
  for (const file of codeFiles()) {
    const source = relative(place.library, file).replace(/\.js$/, '.ts')
    const text = assetModule(source, assets)
    if (text === undefined) continue
    writeFileSync(file, text)
    assetModules.push(file)
  }
  for (const path of [...assets.keys()].filter(isNotice)) {
    cpSync(join(root, path), join(place.library, path))
  }
  for (const extension of ['js', 'd.ts'])
    rmSync(join(place.library, `src/ground/asset.${extension}`))
  // The manifest of the package is that of the library too. It is in another folder than among the
  // sources, and no nested manifest may shadow it.
  const command = join(place.library, 'src/main.js')
  const text = readFileSync(command, 'utf8')
  const outer = text.replace(`'../package.json'`, `'../../../package.json'`)
  if (outer === text) throw new Error('src/main.ts imports no manifest.')
  writeFileSync(command, outer)
  // The compiler copies it, because a source imports it.
  rmSync(join(place.library, 'package.json'))
  await joinModules(codeFiles(), assetModules)
}

const relativeTypeScript = /((?:from|import\()\s*'\.[^']*)\.ts(')/g

const declarations = () => outputs('.d.ts')
const codeFiles = () => outputs('.js')

function outputs(ending: string): string[] {
  return readdirSync(place.library, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(ending))
    .map((entry) => join(entry.parentPath, entry.name))
}
