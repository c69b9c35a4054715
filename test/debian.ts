/** Programs of Debian and Ubuntu, unpacked beside the project without root. */
import { execFile } from 'node:child_process'
import { access, mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)
const cache = join(import.meta.dirname, '../.cache')

/** Returns the folder with the files that the packages would install below the root of the machine. */
export async function unpackedDebian(name: string, packages: readonly string[]): Promise<string> {
  const target = join(cache, name)
  await access(target).catch(() => unpack(name, packages, target))
  return target
}

/** Test files run at the same time. Each unpacks for itself, and the result of the first one stays. */
async function unpack(name: string, packages: readonly string[], target: string): Promise<void> {
  await mkdir(cache, { recursive: true })
  const folder = await mkdtemp(join(cache, `${name}-`))
  try {
    await run('apt-get', ['download', ...packages], { cwd: folder }).catch(async () => {
      // A bare image has no package lists, and only root may write them to their usual folder.
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
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** Returns the folders of the unpacked libraries. */
export async function libraryFolders(root: string): Promise<string[]> {
  const entries = await readdir(join(root, 'usr/lib'), { recursive: true, withFileTypes: true })
  const folders = entries
    .filter(({ name }) => name.includes('.so'))
    .map(({ parentPath }) => parentPath)
  return [...new Set(folders)]
}
