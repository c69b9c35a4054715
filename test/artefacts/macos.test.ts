/**
 * The macOS download, checked by its parts, because no Mac runs these tests. Its script unpacks it
 * here, where `uname` answers as on a Mac. Then the programs are read and compared. Loom itself runs
 * in an archive with the programs of this system in their place.
 *
 * The build needs two packages of the npm registry. If npm cannot reach it, the tests report it, and
 * they fail under CI.
 */
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { zstdDecompressSync } from 'node:zlib'

import { rgPath } from '@vscode/ripgrep'
import { afterEach, beforeAll, expect, test } from 'vitest'

import { macosPackages } from '../../bin/build/macos.ts'
import { macosArchive } from '../../bin/build/macos/archive.ts'
import { place, root } from '../../bin/build/place.ts'
import { DownloadError, lockedPackage, packageArchive } from '../../bin/build/registry-package.ts'
import { folder, loom, tidy } from '../cli/command.ts'
import { buildMacos, buildMs } from './built.ts'
import { pathOf } from './fake-uname.ts'
import { readMachO } from './mach-o.ts'
import { testFolder } from './test-folder.ts'

const mustRun = process.env['CI'] !== undefined
const { path: own } = testFolder()
const environment = { PATH: pathOf(join(own, 'bin')), XDG_CACHE_HOME: join(own, 'cache') }

/** Why the packages are missing. */
let lack: string | undefined
/** The folder of the unpacked files. */
let unpacked = ''

beforeAll(async () => {
  lack = await missingPackages()
  if (lack !== undefined) process.stderr.write(`The macOS download is not tested: ${lack}\n`)
  if (lack !== undefined && mustRun) throw new Error(lack)
  if (lack !== undefined) return
  await buildMacos()
  // This system cannot start the Node.js that the script unpacks.
  await loom(['--version'], { program: [place.macos], environment })
  const [name = ''] = readdirSync(join(own, 'cache/loom'))
  unpacked = join(own, 'cache/loom', name)
}, buildMs)
afterEach(tidy)

async function missingPackages(): Promise<string | undefined> {
  try {
    for (const name of Object.values(macosPackages)) await packageArchive(lockedPackage(name))
    return undefined
  } catch (error) {
    if (error instanceof DownloadError) return error.message
    throw error
  }
}

/** A test of the artefact. It is skipped without the packages. */
const artefactTest = (name: string, body: () => void | Promise<void>) =>
  test(name, async ({ skip }) => {
    if (lack !== undefined) skip(lack)
    await body()
  })

const programs = new Map<string, Buffer>()

/** The bytes of an unpacked program, which are read once. */
function program(name: string): Buffer {
  const bytes = programs.get(name) ?? readFileSync(join(unpacked, name))
  programs.set(name, bytes)
  return bytes
}

const digestOf = (bytes: Buffer) => createHash('sha512').update(bytes).digest('base64')

artefactTest('the programs are those of the locked packages, unchanged', async () => {
  expect(readdirSync(unpacked).toSorted()).toEqual(['loom.mjs', 'node', 'rg'])
  for (const [name, path] of [
    [macosPackages.node, 'bin/node'],
    [macosPackages.ripgrep, 'bin/rg'],
  ] as const) {
    const locked = lockedPackage(name)
    const archive = await packageArchive(locked)
    expect(`sha512-${digestOf(readFileSync(archive))}`).toBe(locked.integrity)
    const words = ['-xzOf', archive, `package/${path}`]
    const packaged = execFileSync('tar', words, { maxBuffer: 1e9 })
    const file = basename(path)
    expect(program(file).equals(packaged), name).toBe(true)
    expect(statSync(join(unpacked, file)).mode & 0o111, name).toBe(0o111)
  }
})

artefactTest('an archive with another hash is not used', async () => {
  const folder = join(own, 'packages')
  const locked = lockedPackage(macosPackages.ripgrep)
  const whole = await packageArchive(locked)
  const damaged = join(folder, basename(whole))
  mkdirSync(folder)
  writeFileSync(damaged, 'damaged')
  const other = packageArchive(
    { ...locked, integrity: `sha512-${digestOf(Buffer.from(''))}` },
    folder,
  )
  await expect(other).rejects.toThrow(/has the hash sha512-.+, but package-lock\.json has sha512-/)
  expect(await packageArchive(locked, folder)).toBe(damaged)
  expect(readFileSync(damaged).equals(readFileSync(whole))).toBe(true)
  expect(readdirSync(folder)).toEqual([basename(whole)])
})

artefactTest('the programs are for arm64, and their signatures cover all bytes', () => {
  const signed = { team: 'HX7739G8FX', isCertified: true }
  for (const [name, certificate] of [
    // The team of the Node.js Foundation.
    ['node', signed],
    // The linker signs with a hash alone, which is enough for a program that is not quarantined.
    ['rg', { team: undefined, isCertified: false }],
  ] as const) {
    const file = Buffer.from(program(name))
    const read = readMachO(file)
    expect(read).toMatchObject({ is64Bit: true, isArm64: true, isExecutable: true })
    expect(read.signature).toMatchObject({ ...certificate, changedPages: [] })
    expect(read.signature?.coveredBytes).toBe(read.signature?.start)
    // The check finds one changed bit.
    file[5000] = (file[5000] ?? 0) ^ 1
    expect(readMachO(file).signature?.changedPages).toEqual([1])
  }
})

artefactTest('the documented size and the oldest macOS are right', () => {
  const page = readFileSync(join(root, 'docs/binaries.md'), 'utf8')
  const [, size, full] = /loom-macos-arm64\.run` has ([\d.]+) MB, and ([\d.]+) MB/.exec(page) ?? []
  const files = readdirSync(unpacked).map((name) => statSync(join(unpacked, name)).size)
  const sum = files.reduce((total, each) => total + each, 0)
  for (const [bytes, documented] of [
    [statSync(place.macos).size, size],
    [sum, full],
  ] as const) {
    expect(Math.abs(bytes / 1e6 / Number(documented) - 1)).toBeLessThan(0.03)
  }
  const { oldestMacos } = readMachO(program('node'))
  expect(page).toContain(`macOS ${oldestMacos} or later`)
})

/** The first bytes of compressed data in zstd's format (RFC 8878 §3.1.1). */
const zstdMagic = 0xfd2fb528

artefactTest('the licences of the programs are in the command', () => {
  const lines = readFileSync(join(unpacked, 'loom.mjs'), 'latin1').split('\n//')
  const contents = lines.map((line) => {
    const bytes = Buffer.from(line, 'base64')
    return bytes.readUInt32LE(0) === zstdMagic ? zstdDecompressSync(bytes).toString('latin1') : ''
  })
  for (const name of Object.values(macosPackages)) {
    const { version } = lockedPackage(name)
    const has = (text: string) => text.includes(`\n${name} ${version} (MIT)\n`)
    expect(contents.filter(has), name).toHaveLength(1)
  }
})

artefactTest(
  'with the programs of this system, the command runs with its own ripgrep',
  async () => {
    const directory = await folder()
    const node = join(directory, 'programs')
    mkdirSync(node)
    writeFileSync(join(node, 'node'), `#!/bin/sh\nexec '${process.execPath}' "$@"\n`, {
      mode: 0o755,
    })
    const download = join(directory, 'loom')
    const archive = await macosArchive({ node, rg: dirname(rgPath), 'loom.mjs': unpacked })
    writeFileSync(download, archive, { mode: 0o755 })
    // The first ripgrep in the path finds nothing.
    writeFileSync(join(own, 'bin/rg'), '#!/bin/sh\nexit 1\n', { mode: 0o755 })
    const start = (words: readonly string[], more: Record<string, string> = {}) =>
      loom(words, { program: [download], environment: { ...environment, ...more } })

    // After the result of the tool, a busy machine shows its time.
    expect(await start(['What is 6 * 7?'], { NODE_OPTIONS: '--nonsense' })).toEqual({
      code: 0,
      stdout: '6 × 7 = **42**\n',
      stderr: expect.stringMatching(/^● calculator 6 \* 7\n  └ 42\b.*\n$/),
    })
    expect(await start(['--nonsense'])).toMatchObject({ code: 2, stdout: '' })
    writeFileSync(join(directory, 'greet.ts'), '// TODO: greet\n')
    const search = ['--tools', 'grep', 'Use grep {"pattern":"TODO"}']
    const found = await start(search, { LOOM_WORKSPACE: directory })
    expect(found).toMatchObject({ code: 0, stdout: expect.stringContaining('greet.ts:1:') })
  },
)
