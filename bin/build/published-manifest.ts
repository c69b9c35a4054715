/**
 * The manifest of the published package: `package.json` without the fields that only a checkout
 * uses. npm packs the file `package.json` itself, so `npm pack` replaces it (`prepack`) and puts it
 * back (`postpack`). If npm dies between, `node bin/build/published-manifest.ts restore` puts it back.
 *
 * `npm publish` reads the file again after `postpack`, and sends these fields to the registry beside
 * the tarball. It runs no script of the file after that, because it takes the scripts from the
 * replaced file, which has none. So another process waits for the end of npm and puts the file back.
 *
 * Usage: `node bin/build/published-manifest.ts write|restore|restore-after PID`. `npm` must be the
 * parent process of `restore`.
 */
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

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

/** Starts a process that puts the file back after the end of npm. */
function restoreLater(npm: number): void {
  const words = [import.meta.filename, 'restore-after', String(npm)]
  spawn(process.execPath, words, { detached: true, stdio: 'ignore' }).unref()
}

/** npm reads the file in the first moments, and may then wait for a one-time password. */
const npmMsMax = 600_000

async function restoreAfter(npm: number): Promise<void> {
  const end = performance.now() + npmMsMax
  while (isAlive(npm) && performance.now() < end) await delay(20)
  restore()
}

function isAlive(id: number): boolean {
  try {
    return process.kill(id, 0)
  } catch {
    return false
  }
}

/** Other processes read the old text or the new one, and never a part of it. */
function replace(path: string, text: string): void {
  const draft = join(dirname(path), `.package-${process.pid}.json`)
  writeFileSync(draft, text)
  renameSync(draft, path)
}

const [step, npm] = process.argv.slice(2)
const isPublication = ['publish', 'stage'].includes(process.env['npm_command'] ?? '')
if (step === 'write') write()
else if (step === 'restore' && isPublication) restoreLater(process.ppid)
else if (step === 'restore') restore()
else if (step === 'restore-after') await restoreAfter(Number(npm))
else throw new Error('Name a step: write, restore, or restore-after with the id of npm.')
