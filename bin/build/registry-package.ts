/**
 * A package of the npm registry that npm does not install here, because it is for another platform.
 * `package-lock.json` pins its version and its hash. The archive stays in `.cache/packages`, so that
 * it is downloaded once.
 */
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'

import { z } from 'zod'

import { root } from './place.ts'

const run = promisify(execFile)

export interface LockedPackage {
  name: string
  version: string
  /** The hash of the archive as in a lock file: `sha512-` and base64. */
  integrity: string
}

/** npm could not download a package. The cause is npm's error. */
export class DownloadError extends Error {}

const lockFile = z.object({
  packages: z.record(
    z.string(),
    z.object({ version: z.string(), integrity: z.string() }).partial(),
  ),
})

export function lockedPackage(name: string): LockedPackage {
  const { packages } = lockFile.parse(
    JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')),
  )
  const { version, integrity } = packages[`node_modules/${name}`] ?? {}
  if (version === undefined || integrity === undefined)
    throw new Error(`package-lock.json has no version and hash of ${name}. Add the package to it.`)
  return { name, version, integrity }
}

/**
 * Returns the path of the archive (`.tgz`), after a check of its hash. An archive in the folder with
 * a wrong hash is downloaded again.
 * @param folder where the archives stay
 * @throws DownloadError if npm cannot download it
 * @throws Error if the downloaded archive has a wrong hash
 */
export async function packageArchive(
  locked: LockedPackage,
  folder = join(root, '.cache/packages'),
): Promise<string> {
  const { name, version, integrity } = locked
  const archive = join(folder, `${name.replace('@', '').replace('/', '-')}-${version}.tgz`)
  if (existsSync(archive) && hashOf(archive) === integrity) return archive
  mkdirSync(folder, { recursive: true })
  const draft = mkdtempSync(join(folder, 'draft-'))
  try {
    const downloaded = join(draft, await download(`${name}@${version}`, draft))
    const hash = hashOf(downloaded)
    if (hash !== integrity)
      throw new Error(
        `The archive of ${name}@${version} has the hash ${hash}, but package-lock.json has ${integrity}. It is not used. Check the registry of your npm (npm config get registry), and build again.`,
      )
    // Another build at the same time has the same file.
    renameSync(downloaded, archive)
    return archive
  } finally {
    rmSync(draft, { recursive: true, force: true })
  }
}

/** Unpacks files of a package to a folder: `bin/node` becomes `<folder>/bin/node`. */
export async function unpackPackage(
  locked: LockedPackage,
  files: readonly string[],
  folder: string,
): Promise<void> {
  const archive = await packageArchive(locked)
  mkdirSync(folder, { recursive: true })
  const paths = files.map((file) => `package/${file}`)
  await run('tar', ['-xzf', archive, '-C', folder, '--strip-components=1', ...paths])
}

/** Returns the name of the file in the folder. */
async function download(specifier: string, folder: string): Promise<string> {
  const options = ['--pack-destination', folder, '--prefer-offline', '--fetch-retries=1', '--json']
  try {
    const { stdout } = await run('npm', ['pack', specifier, ...options], { maxBuffer: 1e8 })
    const [, name = ''] = /"filename": "([^"]+)"/.exec(stdout) ?? []
    return name
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message.trim().slice(0, 500) : ''
    throw new DownloadError(
      `npm could not download ${specifier}. Check the connection to the registry (npm ping), and build again. ${reason}`,
      { cause },
    )
  }
}

function hashOf(file: string): string {
  return `sha512-${createHash('sha512').update(readFileSync(file)).digest('base64')}`
}
