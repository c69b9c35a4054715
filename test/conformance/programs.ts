/** Puts the programs that pi-coding-agent needs on the path: `rg`, and `fd` for its `find`. */
import { execFile } from 'node:child_process'
import { mkdtemp, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'

import { rgPath } from '@vscode/ripgrep'

import { unpackedDebian } from '../debian.ts'

const run = promisify(execFile)

export interface Programs {
  /** A folder for the front of the path. */
  folder: string
  /** The reason why there is no `fd`; undefined if there is one. */
  withoutFd: string | undefined
}

export async function peerPrograms(): Promise<Programs> {
  const folder = await mkdtemp(join(tmpdir(), 'loom-peer-'))
  await symlink(rgPath, join(folder, 'rg'))
  try {
    await symlink(await fdPath(), join(folder, 'fd'))
    return { folder, withoutFd: undefined }
  } catch (error) {
    return { folder, withoutFd: String(error) }
  }
}

export const pathWith = (folder: string) => `${folder}${delimiter}${process.env['PATH'] ?? ''}`

/** Debian gives it another name, because another program of Debian is already named `fd`. */
async function fdPath(): Promise<string> {
  for (const name of ['fd', 'fdfind']) {
    const found = await run('sh', ['-c', `command -v ${name}`]).catch(() => undefined)
    if (found !== undefined) return found.stdout.trim()
  }
  return join(await unpackedDebian('fd', ['fd-find']), 'usr/bin/fdfind')
}
