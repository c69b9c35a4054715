/**
 * The redis-server of the tests: the one of the machine, else the one of Debian, unpacked in a cache folder
 * of the project without root. A test run without Redis fails, because a skipped half of the suite would
 * look like a passed one.
 */
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'

import { libraryFolders, unpackedDebian } from '../debian.ts'

const run = promisify(execFile)

/** redis-server and the libraries that it is linked to, in Debian and Ubuntu. */
const packages = [
  'redis-server',
  'redis-tools',
  'libjemalloc2',
  'liblua5.1-0',
  'liblzf1',
  'libatomic1',
  'lua-cjson',
  'lua-bitop',
]

export interface Binary {
  command: string
  env: Record<string, string>
}

let found: Promise<Binary> | undefined

/** The search runs once in a process. */
export function redisBinary(): Promise<Binary> {
  found ??= find()
  return found
}

async function find(): Promise<Binary> {
  if (await isRecent('redis-server', {})) return { command: 'redis-server', env: {} }
  const unpacked = await unpackedDebian('redis', packages).catch((cause: unknown) => {
    const message = `There is no redis-server, and none could be fetched. ${instructions}`
    throw new Error(message, { cause })
  })
  const command = join(unpacked, 'usr/bin/redis-server')
  const env = { LD_LIBRARY_PATH: (await libraryFolders(unpacked)).join(':') }
  if (await isRecent(command, env)) return { command, env }
  throw new Error(`${command} does not run. ${instructions}`)
}

const instructions =
  'The tests need redis-server 7.0 or later on the PATH: `apt-get install redis-server`, `brew install redis`.'

async function isRecent(command: string, env: Record<string, string>): Promise<boolean> {
  const output = await run(command, ['--version'], { env: { ...process.env, ...env } }).catch(
    () => undefined,
  )
  const version = /v=(\d+)/.exec(output?.stdout ?? '')?.[1]
  return Number(version ?? 0) >= 7
}
