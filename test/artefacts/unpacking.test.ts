import { createHash } from 'node:crypto'
import { cp, mkdir, readdir, readFile, symlink, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

import { afterEach, beforeAll, expect, it } from 'vitest'

import { folder, loom as run, tidy } from '../cli/command.ts'
import { buildArtefacts, buildMs, executable, selfExtractor } from './built.ts'

beforeAll(buildArtefacts, buildMs)
afterEach(tidy)

const [file = ''] = selfExtractor.program

/** Runs the self-extractor with a cache folder of its own. */
const version = (environment: Record<string, string>, program = selfExtractor.program) =>
  run(['--version'], { program, environment })

it('parallel first starts unpack the executable once', async () => {
  const cache = await folder()
  const all = await Promise.all([1, 2, 3].map(() => version({ XDG_CACHE_HOME: cache })))
  for (const ended of all) expect(ended).toMatchObject({ code: 0, stderr: '' })
  const [name = '', ...others] = await readdir(join(cache, 'loom'))
  expect(others).toEqual([])
  const digest = async (path: string) =>
    createHash('sha256')
      .update(await readFile(path))
      .digest('hex')
  const packed = await digest(executable.program[0] ?? '')
  expect(await digest(join(cache, 'loom', name))).toBe(packed)
  expect(name).toBe(`loom-${packed.slice(0, 16)}`)
  // The next start writes nothing.
  const unpacked = join(cache, 'loom', name)
  await writeFile(unpacked, '#!/bin/sh\necho the one that was there\n')
  expect((await version({ XDG_CACHE_HOME: cache })).stdout).toBe('the one that was there\n')
})

it('without a home, the temporary folder is used', async () => {
  const temporary = await folder()
  const homeless = await version({ HOME: '/dev/null/home', TMPDIR: temporary })
  expect(homeless).toMatchObject({ code: 0, stderr: '' })
  const [name = ''] = await readdir(temporary)
  expect(name).toBe(`loom-${process.getuid?.()}`)
})

it('a truncated self-extractor reports it and leaves no file', async () => {
  const directory = await folder()
  const short = join(directory, 'short.run')
  await cp(file, short)
  await truncate(short, 20_000_000)
  const ended = await version({ XDG_CACHE_HOME: directory }, [short])
  expect(ended).toMatchObject({ code: 3, stdout: '' })
  expect(ended.stderr).toMatch(/^loom: cannot be unpacked .*cut short\?\n$/m)
  expect(await readdir(join(directory, 'loom'))).toEqual([])
})

it('a missing xz is reported with its package', async () => {
  const directory = await folder()
  const programs = join(directory, 'bin')
  await mkdir(programs)
  for (const name of ['id', 'mkdir', 'mktemp', 'tail', 'wc', 'mv', 'rm', 'find', 'chmod']) {
    await symlink(`/usr/bin/${name}`, join(programs, name))
  }
  const ended = await version({ PATH: programs, XDG_CACHE_HOME: directory })
  expect(ended).toMatchObject({ code: 3, stdout: '' })
  expect(ended.stderr).toMatch(/^loom: .*xz-utils.*\n$/)
})

it.each([executable, selfExtractor])('NODE_OPTIONS of another Node have no effect', async (one) => {
  const environment = { XDG_CACHE_HOME: await folder(), NODE_OPTIONS: '--nonsense' }
  expect(await version(environment, one.program)).toMatchObject({ code: 0, stderr: '' })
})
