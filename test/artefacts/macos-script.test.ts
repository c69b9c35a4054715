/** The script of the macOS download, with small files in the place of its programs. */
import { mkdirSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { afterEach, beforeAll, describe, expect, it } from 'vitest'

import { macosArchive } from '../../bin/build/macos/archive.ts'
import { folder, loom, start, tidy } from '../cli/command.ts'
import { within } from '../deadline.ts'
import { pathOf } from './fake-uname.ts'
import { testFolder } from './test-folder.ts'

const { path: own } = testFolder()
const download = join(own, 'loom macos.run')
const path = pathOf(join(own, 'bin'))

/** Its Node.js prints its arguments, one on each line. */
const node = `#!/bin/sh
for word; do echo "$word"; done
echo "NODE_OPTIONS: \${NODE_OPTIONS-none}"
exit 7
`

beforeAll(async () => {
  const parts = join(own, 'parts')
  mkdirSync(parts)
  for (const [name, text, mode] of [
    ['node', node, 0o755],
    ['rg', '#!/bin/sh\n', 0o755],
    // Enough bytes that do not compress, so that a truncated file lacks some of them.
    ['loom.mjs', `// ${Array.from({ length: 9000 }, Math.random).join()}`, 0o644],
  ] as const)
    writeFileSync(join(parts, name), text, { mode })
  const archive = await macosArchive({ node: parts, rg: parts, 'loom.mjs': parts })
  writeFileSync(download, archive, { mode: 0o755 })
})
afterEach(tidy)

const run = (
  words: readonly string[],
  environment: Record<string, string>,
  program: readonly string[] = [download],
) => loom(words, { program, environment: { PATH: path, ...environment } })

describe('the script of the macOS download', () => {
  it.each([
    { shell: 'sh', program: [download] },
    { shell: 'the POSIX mode of bash', program: ['bash', '--posix', download] },
  ])('in $shell, starts Node.js with the module and all arguments', async ({ program }) => {
    const cache = await folder()
    const words = ['two words', '', "it's", '--', '$HOME', '*']
    const environment = { XDG_CACHE_HOME: cache, NODE_OPTIONS: '--nonsense' }
    const ended = await run(words, environment, program)
    const [name = '', ...others] = readdirSync(join(cache, 'loom'))
    expect(others).toEqual([])
    expect(name).toMatch(/^loom-[0-9a-f]{16}$/)
    const lines = [join(cache, 'loom', name, 'loom.mjs'), ...words, 'NODE_OPTIONS: none', '']
    expect(ended).toEqual({ code: 7, stdout: lines.join('\n'), stderr: '' })
  })

  it('unpacks once, also for parallel first starts, and repairs a damaged folder', async () => {
    const cache = await folder()
    const environment = { XDG_CACHE_HOME: cache }
    const all = await Promise.all([1, 2, 3, 4].map(() => run(['x'], environment)))
    for (const ended of all) expect(ended).toMatchObject({ code: 7, stderr: '' })
    const [name = '', ...others] = readdirSync(join(cache, 'loom'))
    expect(others).toEqual([])
    const unpacked = join(cache, 'loom', name)
    expect(readdirSync(unpacked).toSorted()).toEqual(['loom.mjs', 'node', 'rg'])
    // The next start writes nothing.
    writeFileSync(join(unpacked, 'node'), '#!/bin/sh\necho the one that was there\n')
    expect((await run(['x'], environment)).stdout).toBe('the one that was there\n')
    rmSync(join(unpacked, 'rg'))
    expect((await run(['x'], environment)).code).toBe(7)
    expect(readFileSync(join(unpacked, 'node'), 'utf8')).toBe(node)
    expect(readdirSync(join(cache, 'loom'))).toEqual([name])
  })

  it.each([
    { at: 'the cache of macOS', environment: { HOME: '' }, place: 'Library/Caches/loom' },
    { at: 'the temporary folder', environment: { HOME: '/dev/null/home' }, place: undefined },
  ])('without XDG_CACHE_HOME, unpacks to $at', async ({ environment, place }) => {
    const directory = await folder()
    const home = environment.HOME || directory
    expect(await run(['x'], { HOME: home, TMPDIR: directory })).toMatchObject({ code: 7 })
    const expected = join(directory, place ?? `loom-${process.getuid?.()}`)
    expect(readdirSync(expected)).toHaveLength(1)
  })

  it.each([
    { system: 'Linux', machine: 'x86_64' },
    { system: 'Linux', machine: 'aarch64' },
    { system: 'Darwin', machine: 'x86_64' },
    { system: 'FreeBSD', machine: 'arm64' },
  ])('on $system $machine, says in one line what it needs', async (system) => {
    const directory = await folder()
    const environment = { PATH: pathOf(join(directory, 'bin'), system), XDG_CACHE_HOME: directory }
    const ended = await run(['x'], environment)
    expect(ended).toMatchObject({ code: 3, stdout: '' })
    const { system: name, machine } = system
    expect(ended.stderr).toMatch(
      new RegExp(`^loom: .*macOS on Apple silicon.* ${name} ${machine}\\. .*loom\\.mjs\\.\\n$`),
    )
    expect(readdirSync(directory)).toEqual(['bin'])
  })

  it('in a shell that Rosetta translates, works on Apple silicon', async () => {
    const directory = await folder()
    const translated = pathOf(join(directory, 'bin'), { machine: 'x86_64', isArm: '1' })
    const ended = await run(['x'], { PATH: translated, XDG_CACHE_HOME: directory })
    expect(ended).toMatchObject({ code: 7, stderr: '' })
  })

  it('cut short or damaged, reports it and leaves no file', async () => {
    const directory = await folder()
    const path = pathOf(join(directory, 'bin'))
    // As the tar of macOS, it reports no wrong checksum.
    const tar = '#!/bin/sh\nPATH=${PATH#*:}\ntar "$@"\nexit 0\n'
    writeFileSync(join(directory, 'bin/tar'), tar, { mode: 0o755 })
    const faulty = join(directory, 'faulty.run')
    const whole = readFileSync(download)
    const damaged = Buffer.from(whole)
    damaged[whole.length - 30_000] = (whole.at(-30_000) ?? 0) ^ 1
    const short = [20, 50_000].map((bytes) => whole.subarray(0, whole.length - bytes))
    for (const content of [...short, damaged]) {
      writeFileSync(faulty, content, { mode: 0o755 })
      const ended = await run(['x'], { PATH: path, XDG_CACHE_HOME: directory }, [faulty])
      expect(ended).toMatchObject({ code: 3, stdout: '' })
      expect(ended.stderr).toMatch(/^loom: cannot be unpacked: .*damaged or cut short\. .*\n$/)
      expect(readdirSync(join(directory, 'loom'))).toEqual([])
    }
  })

  it('without a folder for its files, says so in one line', async () => {
    const nowhere = { HOME: '/dev/null/home', TMPDIR: '/dev/null/temporary' }
    const ended = await run(['x'], nowhere)
    expect(ended).toMatchObject({ code: 3, stdout: '' })
    expect(ended.stderr).toMatch(/^loom: cannot write to \/dev\/null\/.* XDG_CACHE_HOME .*\n$/)
  })

  it('removes old versions, but no version that runs', async () => {
    const cache = await folder()
    const loomFolder = join(cache, 'loom')
    const old = (name: string, daysOld: number) => {
      const path = join(loomFolder, name)
      mkdirSync(path, { recursive: true })
      writeFileSync(join(path, 'node'), '#!/bin/sh\necho up; read -r line\n', { mode: 0o755 })
      const at = new Date(Date.now() - daysOld * 24 * 3600 * 1000)
      utimesSync(path, at, at)
      return path
    }
    old('loom-0000000000000001', 40)
    const running = start([join(old('loom-0000000000000002', 40), 'loom.mjs')], {
      program: [join(loomFolder, 'loom-0000000000000002/node')],
      input: undefined,
    })
    const isUp = new Promise((resolve) => running.child.stdout?.once('data', resolve))
    await within(20_000, 'the start of the old version', isUp)
    old('loom-0000000000000003', 5)
    writeFileSync(join(loomFolder, 'models.json'), '{}')
    expect(await run(['x'], { XDG_CACHE_HOME: cache })).toMatchObject({ code: 7, stderr: '' })
    const left = readdirSync(loomFolder).filter((name) => /0000|models/.test(name))
    expect(left.toSorted()).toEqual([
      'loom-0000000000000002',
      'loom-0000000000000003',
      'models.json',
    ])
  })
})
