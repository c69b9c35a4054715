/**
 * A redis-server to test with: the machine's own, else Debian's, unpacked beside the project without
 * root. A test run without Redis fails: a skipped half of the suite looks like a passed one.
 */
import { execFile } from 'node:child_process'
import { access, mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)
const cache = join(import.meta.dirname, '../../.cache')

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

/** Looked for once in a process. */
export function redisBinary(): Promise<Binary> {
  found ??= find()
  return found
}

async function find(): Promise<Binary> {
  if (await isRecent('redis-server', {})) return { command: 'redis-server', env: {} }
  const unpacked = join(cache, 'redis')
  await access(unpacked).catch(() => unpack(unpacked))
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

/** Test files run beside each other: each unpacks for itself, and the first one's stays. */
async function unpack(target: string): Promise<void> {
  await mkdir(cache, { recursive: true })
  const folder = await mkdtemp(join(cache, 'redis-'))
  try {
    await run('apt-get', ['download', ...packages], { cwd: folder }).catch(async () => {
      // A bare image has no package lists, and only root may write them where they belong.
      const state = join(folder, 'state')
      await mkdir(join(state, 'lists/partial'), { recursive: true })
      const own = ['-o', `Dir::State=${state}`, '-o', `Dir::Cache=${join(folder, 'cache')}`]
      const options = [...own, '-o', 'Dir::State::status=/var/lib/dpkg/status']
      await run('apt-get', [...options, 'update'])
      await run('apt-get', [...options, 'download', ...packages], { cwd: folder })
    })
    for (const file of await readdir(folder)) {
      if (file.endsWith('.deb')) await run('dpkg-deb', ['-x', join(folder, file), `${folder}/root`])
    }
    await rename(join(folder, 'root'), target).catch(() => access(target))
  } catch (error) {
    throw new Error(`There is no redis-server, and none could be fetched. ${instructions}`, {
      cause: error,
    })
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function libraryFolders(root: string): Promise<string[]> {
  const entries = await readdir(join(root, 'usr/lib'), { recursive: true, withFileTypes: true })
  const folders = entries
    .filter(({ name }) => name.includes('.so'))
    .map(({ parentPath }) => parentPath)
  return [...new Set(folders)]
}
