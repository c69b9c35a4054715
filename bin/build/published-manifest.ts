/**
 * The manifest of the published package: `package.json` without the fields that only a checkout
 * uses. npm packs the file `package.json` itself, so `npm pack` replaces it (`prepack`) and puts it
 * back (`postpack`). If npm dies between, `node bin/build/published-manifest.ts restore` puts it back.
 *
 * Usage: `node bin/build/published-manifest.ts write|restore`
 */
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

import { place, root } from './place.ts'

const manifest = join(root, 'package.json')
const original = join(place.dist, 'package.json')

/** `bin/node` is not in the package, and neither are the sources that the scripts run. */
const ofCheckout = ['scripts', 'workspaces', 'devDependencies']

function write(): void {
  const text = readFileSync(manifest, 'utf8')
  const content: Record<string, unknown> = JSON.parse(text)
  const fields = Object.entries(content)
  const published = fields.filter(([name]) => !ofCheckout.includes(name))
  // Another `npm pack` at the same time has replaced the file already.
  if (published.length === fields.length) return
  mkdirSync(place.dist, { recursive: true })
  replace(original, text)
  replace(manifest, `${JSON.stringify(Object.fromEntries(published), null, 2)}\n`)
}

function restore(): void {
  if (!existsSync(original)) return
  replace(manifest, readFileSync(original, 'utf8'))
  rmSync(original, { force: true })
}

/** Other processes read the old text or the new one, and never a part of it. */
function replace(path: string, text: string): void {
  const draft = join(dirname(path), `.package-${process.pid}.json`)
  writeFileSync(draft, text)
  renameSync(draft, path)
}

const [step] = process.argv.slice(2)
if (step === 'write') write()
else if (step === 'restore') restore()
else throw new Error('Name a step: write or restore.')
