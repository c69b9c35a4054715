import { symlink, utimes } from 'node:fs/promises'
import { join } from 'node:path'

import * as fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'

import { glob } from '../../tools/glob.ts'
import { globPattern } from '../../tools/glob/pattern.ts'
import { type FilesStage, openStage } from './files-stage.ts'

let stage: FilesStage
beforeEach(async () => {
  stage = await openStage()
})
afterEach(() => stage[Symbol.asyncDispose]())

/** Returns the found files, sorted. */
async function found(pattern: string, path?: string): Promise<string[]> {
  const { files = [] } = await stage.call('glob', { pattern, path })
  return files.toSorted()
}

const put = async (...paths: string[]) => {
  for (const path of paths) await stage.put(path, '')
}

describe('glob', () => {
  it('reads brackets literally for an existing path', async () => {
    for (const path of ['app/[id]/(auth)/page.tsx', 'app/[id]/page.tsx', 'app/[...all]/x.ts']) {
      await stage.put(path, 'needle')
    }
    const files = async (pattern: string) =>
      (await stage.call('glob', { pattern })).files?.toSorted()
    expect(await files('app/[id]/**')).toEqual(['app/[id]/(auth)/page.tsx', 'app/[id]/page.tsx'])
    expect(await files('app/[id]/page.tsx')).toEqual(['app/[id]/page.tsx'])
    expect(await files('app/[id]/(auth)/*.tsx')).toEqual(['app/[id]/(auth)/page.tsx'])
    expect(await files('app/[...all]/*')).toEqual(['app/[...all]/x.ts'])
    expect(await files('**/[ip]age.tsx')).toHaveLength(2)
    const found = await stage.call('grep', { pattern: 'needle', glob: 'app/[id]/*.tsx' })
    expect(found.matches).toBe(1)
  })

  it('reads braces and backslashes literally for an existing path', async () => {
    const paths = ['app/{a,b}/x.ts', 'app/back\\slash/x.ts', 'app/a/x.ts', 'c{d,e}.md']
    for (const path of paths) await stage.put(path, 'needle')
    expect(await found('app/{a,b}/*.ts')).toEqual(['app/a/x.ts', 'app/{a,b}/x.ts'])
    expect(await found('app/back\\slash/*')).toEqual(['app/back\\slash/x.ts'])
    expect(await found('c{d,e}.md')).toEqual(['c{d,e}.md'])
    const grepped = async (glob: string) =>
      (await stage.call('grep', { pattern: 'needle', glob })).matches
    expect(await grepped('app/{a,b}/*.{ts,tsx}')).toBe(2)
    expect(await grepped('app/back\\slash/x.ts')).toBe(1)
  })

  it('finds names whose characters only look the same', async () => {
    const names = ['cafe\u0301/menu.md', 'a\u00a0b/c\u202fd.md', 'Bu\u0308cher [24]/it\u2019s.md']
    for (const name of names) await stage.put(name, 'needle')
    for (const [pattern, name] of [
      ['café/*', names[0]],
      ['**/café/**', names[0]],
      ['caf?/menu.md', names[0]],
      ['a b/*', names[1]],
      ['c d.*', names[1]],
      ['Bücher [24]/*', names[2]],
      ["it's.md", names[2]],
    ]) {
      expect(await found(pattern ?? ''), pattern).toEqual([name])
      const output = await stage.call('grep', { pattern: 'needle', glob: pattern })
      expect(output.matches, pattern).toBe(1)
    }
    expect(await found('*', 'café')).toEqual([names[0]])
  })

  it('names a directory in the place of a file', async () => {
    await stage.put('app/[id]/x.ts', 'needle')
    for (const pattern of ['app', 'app/[id]']) {
      const hint = `"${pattern}" is a directory: its files are "${pattern}/**".`
      expect(await stage.modelText('glob', { pattern })).toBe(`[No files match. ${hint}]`)
      const told = await stage.modelText('grep', { pattern: 'needle', glob: pattern })
      expect(told).toBe(`[No matches. ${hint}]`)
    }
    expect(await stage.modelText('glob', { pattern: 'none' })).toBe('[No files match.]')
  })

  it('lists files by time, then by name', async () => {
    await put('b', 'c', 'a', 'new')
    for (const name of ['a', 'b', 'c']) await utimes(join(stage.root, name), 1000, 1000)
    const output = await stage.call('glob', { pattern: '*' })
    expect(output).toEqual({
      files: ['new', 'a', 'b', 'c'],
      truncated: false,
      text: 'new\na\nb\nc',
    })
  })

  it('accepts stars, classes, braces and directories', async () => {
    await put(
      'a.ts',
      'src/a.ts',
      'src/deep/er/a.ts',
      'src/a.tsx',
      'src/b.md',
      '.env',
      '.ci/run.yml',
    )
    expect(await found('*.ts')).toEqual(['a.ts', 'src/a.ts', 'src/deep/er/a.ts'])
    expect(await found('./*.ts')).toEqual(['a.ts'])
    expect(await found('./src/*.ts')).toEqual(['src/a.ts'])
    expect(await found('src/**/*.ts')).toEqual(['src/a.ts', 'src/deep/er/a.ts'])
    expect(await found('**/*.{tsx,md}')).toEqual(['src/a.tsx', 'src/b.md'])
    expect(await found('src/[!b].ts?')).toEqual(['src/a.tsx'])
    expect(await found('src/')).toEqual(['src/a.ts', 'src/a.tsx', 'src/b.md', 'src/deep/er/a.ts'])
    expect(await found('deep')).toEqual([])
  })

  it('finds names that begin with a dot', async () => {
    await put('.env', '.ci/run.yml', 'a')
    expect(await found('*')).toEqual(['.ci/run.yml', '.env', 'a'])
    expect(await found('.ci/**')).toEqual(['.ci/run.yml'])
  })

  it('searches only the given directory', async () => {
    await put('src/a.ts', 'src/lib/b.ts', 'c.ts')
    expect(await found('*.ts', 'src')).toEqual(['src/a.ts', 'src/lib/b.ts'])
    expect(await found('./*.ts', './src/')).toEqual(['src/a.ts'])
    expect(await found(`${stage.root}/src/*.ts`)).toEqual(['src/a.ts'])
    await symlink('src', join(stage.root, 'link'))
    expect(await found('*/*.ts', 'link')).toEqual(['src/lib/b.ts'])
  })

  it('omits files of .gitignore, even if named exactly', async () => {
    await stage.put('.gitignore', '*.log\nnode_modules/\n')
    await put('x.log', 'node_modules/a/index.js', 'src/y.log', '.git/config')
    await stage.put('src/.gitignore', '!y.log\n')
    expect(await found('*.log')).toEqual(['src/y.log'])
    expect(await found('**/index.js')).toEqual([])
    expect(await found('.git/**')).toEqual([])
    expect(await found('*.js', 'node_modules')).toEqual(['node_modules/a/index.js'])
  })

  it('reports more files only if there are more', async () => {
    await put('a', 'b', 'c')
    const limited = (limit: number) => stage.call('glob', { pattern: '*', limit })
    expect(await limited(3)).toMatchObject({ truncated: false })
    const two = await limited(2)
    expect(two).toMatchObject({ truncated: true })
    expect(two.files).toHaveLength(2)
    expect(two.text).toMatch(/\[There are more than 2 files: narrow the pattern\.\]$/)
  })

  it('reports no files, or an invalid directory', async () => {
    await put('file')
    expect(await stage.modelText('glob', { pattern: '*.ts', path: null })).toBe('[No files match.]')
    expect(await stage.refusal('glob', { pattern: '*', path: 'file' })).toContain('not a directory')
    expect(await stage.refusal('glob', { pattern: '*', path: 'none' })).toContain('There is no')
  })

  it('finds names with spaces, newlines and stars', async () => {
    await put('a b.txt', 'a\nb.txt', 'a*b.txt', '-x.txt')
    expect(await found('a?b.txt')).toEqual(['a\nb.txt', 'a b.txt', 'a*b.txt'])
    expect(await found('a\\*b.txt')).toEqual(['a*b.txt'])
    expect(await found('-x*')).toEqual(['-x.txt'])
  })

  it('is safe to repeat', () => {
    expect(glob(stage.workspace).retry).toBe('safe')
  })
})

describe('a glob pattern', () => {
  it.each<[string, string[], string[]]>([
    ['a*c', ['ac', 'abc', 'abbc', 'x/abc'], ['ab', 'ab/c']],
    ['./a?', ['ab'], ['a', 'abc', 'x/ab']],
    ['./a/**/b', ['a/b', 'a/x/b', 'a/x/y/b'], ['a/xb', 'x/a/b']],
    ['./a/**', ['a/b', 'a/b/c'], ['b/a', 'a']],
    ['**/a/**/b', ['a/b', 'x/a/y/b'], ['a', 'b']],
    ['a**b', ['ab', 'axb'], ['a/b']],
    ['{a,b{c,d}}.x', ['a.x', 'bc.x', 'bd.x'], ['b.x', '{a.x']],
    ['{a}', ['{a}'], ['a']],
    ['a{b', ['a{b'], ['ab']],
    ['\\{a,b\\}', ['{a,b}'], ['a']],
    ['[a-c]', ['a', 'c'], ['d', '-']],
    ['[]a]', [']', 'a'], ['[']],
    ['[^a]', ['b', '😀'], ['a', 'bb']],
    ['[a', ['[a'], ['a']],
    ['?', ['😀', 'é'], ['ab']],
    ['!a', ['!a'], ['b']],
    ['(a|b)', ['(a|b)'], ['a']],
  ])('%s matches the described paths', (pattern, fitting, others) => {
    const { matches } = globPattern(pattern)
    expect(fitting.filter((path) => !matches(path))).toEqual([])
    expect(others.filter((path) => matches(path))).toEqual([])
  })

  it('matches like an equal regular expression', () => {
    const name = fc.string({ unit: fc.constantFrom('a', 'b', '.'), minLength: 1, maxLength: 4 })
    const part = fc.oneof(
      fc.string({ unit: fc.constantFrom('a', 'b', '*', '?', '.'), minLength: 1, maxLength: 5 }),
      fc.constant('**'),
    )
    const patterns = fc.array(part, { minLength: 2, maxLength: 5 }).map((parts) => parts.join('/'))
    const paths = fc.array(name, { minLength: 1, maxLength: 5 }).map((parts) => parts.join('/'))
    fc.assert(
      fc.property(patterns, paths, (pattern, path) => {
        fc.pre(!/(^|\/)\.{1,2}(\/|$)/.test(pattern))
        expect(globPattern(pattern).matches(path)).toBe(expressionFor(pattern).test(path))
      }),
      { numRuns: 5000 },
    )
  })

  it('takes little time for a malicious pattern', () => {
    const started = performance.now()
    const stars = globPattern(`${'*a'.repeat(400)}*b`)
    const many = globPattern(`${'**/a/'.repeat(150)}b`)
    for (let count = 0; count < 20; count++) {
      expect(stars.matches('a'.repeat(255))).toBe(false)
      expect(many.matches('a/'.repeat(1000))).toBe(false)
    }
    // Regular expressions for these patterns would take years.
    expect(performance.now() - started).toBeLessThan(5000)
  })

  it('has a limit of alternatives', () => {
    expect(() => globPattern('{a,b}'.repeat(20))).toThrow(/256 alternatives/)
    expect(() => globPattern('a/../b')).toThrow(/leads out/)
  })
})

function expressionFor(pattern: string): RegExp {
  // A pattern that ends in `**` matches everything below.
  const parts = pattern.replace(/(?<=^|\/)\*\*$/, '**/*').split('/')
  const expressions = parts.map((part, index) => {
    if (part === '**') return '(?:[^/]+/)*'
    const name = part.replace(/\./g, '\\.').replace(/\*+/g, '[^/]*').replace(/\?/g, '[^/]')
    return index === parts.length - 1 ? name : `${name}/`
  })
  return new RegExp(`^${expressions.join('')}$`)
}
