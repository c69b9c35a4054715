/** The macOS download: a shell script, and behind it a compressed archive of three files. */
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { statSync } from 'node:fs'
import { buffer } from 'node:stream/consumers'
import { createGzip } from 'node:zlib'

import { macosScript } from './script.ts'

/** The folder of each file of the archive. The name of a file in its folder is its name here. */
export interface ArchiveFolders {
  node: string
  rg: string
  'loom.mjs': string
}

export async function macosArchive(folders: ArchiveFolders): Promise<Buffer> {
  const archive = await compressed(folders)
  const digest = createHash('sha256').update(archive).digest('hex').slice(0, 16)
  const sizes = Object.entries(folders).map(([name, folder]) => statSync(`${folder}/${name}`).size)
  const size = sizes.reduce((sum, each) => sum + each, 0)
  return Buffer.concat([Buffer.from(macosScript({ digest, size })), archive])
}

/** Options of GNU tar and of BSD tar for the same result: files without the name of a user. */
const withoutOwner =
  process.platform === 'linux'
    ? ['--owner=0', '--group=0', '--numeric-owner']
    : ['--uid=0', '--gid=0', '--uname=', '--gname=']

async function compressed(folders: ArchiveFolders): Promise<Buffer> {
  const files = Object.entries(folders).flatMap(([name, folder]) => ['-C', folder, name])
  const child = spawn('tar', ['--format=ustar', ...withoutOwner, '-cf', '-', ...files], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ended = new Promise<void>((resolve, reject) => {
    child.once('error', (cause) => reject(new Error('tar cannot be started.', { cause })))
    child.once('close', (code) =>
      code === 0 ? resolve() : reject(new Error(`tar ended with ${code}.`)),
    )
  })
  // Level 9 takes three times as long and saves 0.1 MB.
  const [archive] = await Promise.all([buffer(child.stdout.pipe(createGzip({ level: 6 }))), ended])
  return archive
}
