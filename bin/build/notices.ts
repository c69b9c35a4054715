/**
 * The licences of the packages in an artefact, which must be part of every copy. The list comes
 * from the modules of the bundle, so it needs no maintenance.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

import { root } from './place.ts'

/**
 * @param modules the source files in the bundle
 * @param programs the folders of the packages of Node.js and ripgrep, which are no modules
 */
export function notices(modules: readonly string[], programs: readonly string[]): string {
  const folders = new Set(modules.map(packageFolder).filter((folder) => folder !== undefined))
  const texts = [...folders, ...programs].map(notice).sort()
  return `Loom contains the following packages, under these licences.\n\n${[...new Set(texts)].join('\n')}`
}

/** The packages of Node.js and ripgrep for this platform. A notice of an absent one is harmless. */
export function installedPrograms(): string[] {
  const platform = `${process.platform}-${process.arch}`
  return [`node-${platform}`, '@vscode/ripgrep', `@vscode/ripgrep-${platform}`]
    .map((name) => join(root, 'node_modules', name))
    .filter((folder) => existsSync(folder))
}

function packageFolder(file: string): string | undefined {
  if (!file.includes('node_modules/')) return undefined
  let folder = dirname(file)
  while (!isPackage(folder)) folder = dirname(folder)
  return folder
}

function isPackage(folder: string): boolean {
  if (!existsSync(join(folder, 'package.json'))) return false
  return 'version' in manifest(folder)
}

function manifest(folder: string): Record<string, unknown> {
  // Only single fields are read, and each is checked or converted.
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
}

function notice(folder: string): string {
  const { name, version, license } = manifest(folder)
  const files = readdirSync(folder).filter((file) => /^(licen[cs]e|notice|copying)/i.test(file))
  const texts = files.sort().map((file) => readFileSync(join(folder, file), 'utf8').trim())
  const head = `${String(name)} ${String(version)} (${String(license)})`
  return `${'='.repeat(80)}\n${head}\n${'='.repeat(80)}\n\n${texts.join('\n\n')}\n`
}
