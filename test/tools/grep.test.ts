import { execFile } from 'node:child_process'
import { chmod, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

import { afterEach, beforeEach, describe, expect, it } from 'vitest'

import { grep } from '../../tools/grep.ts'
import { ripgrep } from '../../tools/ripgrep.ts'
import { until } from '../redis/until.ts'
import { type FilesStage, openStage } from './files-stage.ts'

const run = promisify(execFile)

let stage: FilesStage
beforeEach(async () => {
  stage = await openStage()
})
afterEach(() => stage[Symbol.asyncDispose]())

const search = (input: object) => stage.modelText('grep', input)

describe('grep', () => {
  it('shows path, line and text in path order', async () => {
    await stage.put('b.txt', 'x\nneedle two\n')
    await stage.put('a/c.txt', 'needle one\r\n')
    expect(await stage.call('grep', { pattern: 'ne+dle' })).toEqual({
      matches: 2,
      truncated: false,
      text: 'a/c.txt:1: needle one\nb.txt:2: needle two',
    })
  })

  it('reports no matches', async () => {
    await stage.put('a.txt', 'x\n')
    expect(await search({ pattern: 'needle' })).toBe('[No matches.]')
  })

  it.each(['-foo', '--files', '-e', '--'])('reads %s as a pattern', async (pattern) => {
    await stage.put('a.txt', `x ${pattern} y\n`)
    expect(await search({ pattern })).toBe(`a.txt:1: x ${pattern} y`)
  })

  it('reads a path with any name as a path', async () => {
    await stage.put('--pre=sh', 'needle\n')
    await stage.put('-a/b.txt', 'needle\n')
    expect(await search({ pattern: 'needle', path: '--pre=sh' })).toBe('--pre=sh:1: needle')
    expect(await search({ pattern: 'needle', path: '-a' })).toBe('-a/b.txt:1: needle')
  })

  it('reports an invalid pattern', async () => {
    expect(await stage.refusal('grep', { pattern: '(' })).toMatch(/unclosed group/)
    expect(await search({ pattern: '(', literal: true })).toBe('[No matches.]')
    expect(await stage.refusal('grep', { pattern: '' })).toMatch(/pattern/)
  })

  it('ignores case on request, and accepts null fields', async () => {
    await stage.put('a.txt', 'Needle\n')
    expect(await search({ pattern: 'needle', path: null, glob: null })).toBe('[No matches.]')
    expect(await search({ pattern: 'needle', ignore_case: true })).toBe('a.txt:1: Needle')
  })

  it('reads odd ignore rules above a directory', async () => {
    await stage.put('.gitignore', `${' '.repeat(100_000)}x\n*.log \t\nodd\\  \n`)
    for (const name of ['a.txt', 'a.log', 'odd ', 'odd']) await stage.put(`sub/${name}`, 'word')
    const { user: before } = process.cpuUsage()
    expect(await stage.modelText('grep', { pattern: 'word', path: 'sub' })).toBe(
      'sub/a.txt:1: word\nsub/odd:1: word',
    )
    // The CPU time in microseconds, since the work blocks.
    expect(process.cpuUsage().user - before).toBeLessThan(3_000_000)
  })

  it('treats an empty path or glob as omitted', async () => {
    await stage.put('a.txt', 'word\n')
    const input = { pattern: 'word', path: '', glob: '' }
    expect(await stage.modelText('grep', input)).toBe('a.txt:1: word')
    expect(await stage.modelText('glob', { pattern: '*.txt', path: '' })).toBe('a.txt')
  })

  it('matches `$` before a CRLF', async () => {
    await stage.put('a.txt', 'needle\r\n')
    expect(await search({ pattern: 'needle$' })).toBe('a.txt:1: needle')
  })

  it('reports more matches only if there are more', async () => {
    await stage.put('a.txt', 'needle\n'.repeat(3))
    await stage.put('b.txt', 'needle\n'.repeat(2))
    expect(await stage.call('grep', { pattern: 'needle', limit: 5 })).toMatchObject({
      matches: 5,
      truncated: false,
    })
    const some = await stage.call('grep', { pattern: 'needle', limit: 4 })
    expect(some).toMatchObject({ matches: 4, truncated: true })
    expect(some.text).toMatch(/b\.txt:1: needle\n\[There are more than 4 matches/)
    expect(await stage.refusal('grep', { pattern: 'x', limit: 0 })).toMatch(/limit/)
  })

  it('shows 100 matches by default', async () => {
    await stage.put('a.txt', 'needle\n'.repeat(101))
    expect(await stage.call('grep', { pattern: 'needle' })).toMatchObject({
      matches: 100,
      truncated: true,
    })
  })

  it('shows context lines of each file separately', async () => {
    await stage.put('a.txt', '1\n2\nneedle\n4\n5\n6\n7\n8\nneedle\n')
    await stage.put('b.txt', 'needle\n2\n')
    expect(await search({ pattern: 'needle', context: 1 })).toBe(
      [
        'a.txt-2- 2',
        'a.txt:3: needle',
        'a.txt-4- 4',
        '--',
        'a.txt-8- 8',
        'a.txt:9: needle',
        '--',
        'b.txt:1: needle',
        'b.txt-2- 2',
      ].join('\n'),
    )
    // The last shown match has all its context, and the omitted match has none.
    const first = await search({ pattern: 'needle', context: 1, limit: 1 })
    expect(first).toMatch(/^a.txt-2- 2\na.txt:3: needle\na.txt-4- 4\n\[There are more/)
    const second = await search({ pattern: 'needle', context: 1, limit: 2 })
    expect(second).toMatch(/a.txt-8- 8\na.txt:9: needle\n\[There are more/)
  })

  it('searches a given file even if it is ignored', async () => {
    await stage.put('.gitignore', '*.log\n')
    await stage.put('dir/a.log', 'needle\n')
    const input = { pattern: 'needle', path: 'dir/a.log', glob: '*.ts' }
    expect(await search(input)).toBe('dir/a.log:1: needle')
    await symlink('dir/a.log', join(stage.root, 'link'))
    expect(await search({ ...input, path: 'link' })).toBe('dir/a.log:1: needle')
  })

  it('refuses missing paths', async () => {
    expect(await stage.refusal('grep', { pattern: 'x', path: 'none' })).toBe('There is no "none".')
  })

  it('cuts long lines around the match, between characters', async () => {
    await stage.put('a.txt', `${'x'.repeat(499)}😀${'x'.repeat(999)}needle${'y'.repeat(999)}\n`)
    await stage.put('b.txt', `needle${'x'.repeat(493)}😀\n`)
    const [first = '', second = ''] = (await search({ pattern: 'needle' })).split('\n')
    expect(first).toBe(`a.txt:1: …${'x'.repeat(100)}needle${'y'.repeat(394)}…`)
    expect(second).toBe(`b.txt:1: needle${'x'.repeat(493)}…`)
  })

  it('cuts a line within characters of several bytes', async () => {
    await stage.put('a.txt', `${'é'.repeat(700)}needle${'é'.repeat(1500)}\n`)
    expect(await search({ pattern: 'needle' })).toBe(
      `a.txt:1: …${'é'.repeat(50)}needle${'é'.repeat(444)}…`,
    )
  })

  it('shows 50 KB at most', async () => {
    await stage.put('a.txt', `needle ${'x'.repeat(400)}\n`.repeat(1000))
    const output = await stage.call('grep', { pattern: 'needle', limit: 1000 })
    expect(output.truncated).toBe(true)
    expect(output.text).toMatch(/x\n\[There is more than 50 KB to show: narrow the search\.\]$/)
    expect(Buffer.byteLength(output.text)).toBeLessThan(52 * 1024)
  })

  it('reports a match in a line of megabytes', async () => {
    await stage.put('a.txt', `${'x'.repeat(5_000_000)}needle\n`)
    await stage.put('b.txt', 'needle\n')
    expect(await search({ pattern: 'needle' })).toBe(
      'b.txt:1: needle\n[a.txt: a match in a line of over 4 MB is left out.]',
    )
  })

  it('reads UTF-16, byte order marks and bad bytes', async () => {
    const text = '\uFEFFone\nhé needle😀\n'
    await stage.put('bom.txt', text)
    await stage.put('le.txt', Buffer.from(text, 'utf16le'))
    await stage.put('be.txt', Buffer.from(text, 'utf16le').swap16())
    await stage.put('bad.txt', Buffer.from([...Buffer.from('needle '), 0xff, 0x0a]))
    expect((await search({ pattern: 'needle' })).split('\n')).toEqual([
      'bad.txt:1: needle \uFFFD',
      'be.txt:2: hé needle😀',
      'bom.txt:2: hé needle😀',
      'le.txt:2: hé needle😀',
    ])
  })

  it('skips binary files, and shows no line of a given one', async () => {
    await stage.put('a.bin', 'needle\n\0needle\n')
    expect(await search({ pattern: 'needle' })).toBe('[No matches.]')
    expect(await search({ pattern: 'needle', path: 'a.bin' })).toBe(
      '[a.bin: contains matches, but is not a text file.]',
    )
  })

  it('skips an unreadable file', async () => {
    await stage.put('a.txt', 'needle\n')
    await chmod(await stage.put('b.txt', 'needle\n'), 0)
    expect(await search({ pattern: 'needle' })).toContain('a.txt:1: needle')
  })

  it('finds names with spaces, quotes, colons and newlines', async () => {
    await stage.put('a "b": c\nd.txt', 'needle\n')
    expect(await search({ pattern: 'needle' })).toBe('a "b": c\nd.txt:1: needle')
  })
})

describe('files that grep searches', () => {
  it('exclude those of .gitignore, even without a repository', async () => {
    await stage.put('.gitignore', '*.log\n/build\n!keep.log\n')
    for (const path of ['a.log', 'keep.log', 'build/a.txt', 'src/build/a.txt', '.hidden/a.txt']) {
      await stage.put(path, 'needle\n')
    }
    await stage.put('src/.gitignore', 'own.txt\n')
    await stage.put('src/own.txt', 'needle\n')
    await stage.put('.git/config', 'needle\n')
    await stage.put('nested/.git/config', 'needle\n')
    await stage.put('nested/a.txt', 'needle\n')
    expect(pathsIn(await search({ pattern: 'needle' }))).toEqual([
      '.hidden/a.txt',
      'keep.log',
      'nested/a.txt',
      'src/build/a.txt',
    ])
  })

  it('follow ignore rules up to the workspace only', async () => {
    await writeFile(join(stage.root, '../.gitignore'), 'ws\n*\n')
    await stage.put('.gitignore', '*.log\n/src/only\nsrc/gen\n#no\n\\#yes\n\\!odd \n')
    await stage.put('src/.gitignore', '/anchored\nanywhere\nlib/*.js\n!back.log\n')
    for (const path of [
      'a.log',
      'back.log',
      'only/a.txt',
      'gen/a.txt',
      'anchored',
      'deep/anchored',
      'deep/anywhere',
      'lib/a.js',
      'deep/lib/a.js',
      '#no',
      '#yes',
      '!odd',
      'plain',
    ]) {
      await stage.put(`src/deep/${path}`, 'needle\n')
      await stage.put(`src/${path}`, 'needle\n')
    }
    const whole = pathsIn(await search({ pattern: 'needle' })).filter((path) =>
      path.startsWith('src'),
    )
    expect(pathsIn(await search({ pattern: 'needle', path: 'src' }))).toEqual(whole)
    const deep = whole.filter((path) => path.startsWith('src/deep/'))
    expect(pathsIn(await search({ pattern: 'needle', path: 'src/deep' }))).toEqual(deep)
    expect(whole).toContain('src/back.log')
    expect(whole).toContain('src/deep/deep/lib/a.js')
    expect(whole).not.toContain('src/deep/anywhere')
    expect(whole).not.toContain('src/only/a.txt')
    expect(deep.length).toBeGreaterThan(8)
  })

  it('follow the rules of their own repository only', async () => {
    await stage.put('.gitignore', '*.log\n')
    await stage.put('sub/.gitignore', 'own.txt\n')
    for (const path of ['a.log', 'sub/own.txt', 'nested/a.log', 'nested/b.tmp', 'sub/in/a.log']) {
      await stage.put(path, 'needle\n')
    }
    await stage.put('.git/config', '')
    await stage.put('nested/.git/config', '')
    await stage.put('nested/.gitignore', '*.tmp\n')
    await stage.put('sub/in/.git', 'gitdir: elsewhere\n')
    const found = async (path: string) => pathsIn(await search({ pattern: 'needle', path }))
    expect(await found('.')).toEqual(['nested/a.log', 'sub/in/a.log'])
    expect(await found('nested')).toEqual(['nested/a.log'])
    expect(await found('sub/in')).toEqual(['sub/in/a.log'])
  })

  it('match the glob and are not ignored', async () => {
    await stage.put('.gitignore', '*.log\n')
    for (const path of ['a.log', 'a.ts', 'src/b.ts', 'src/b.tsx', 'src/c.md']) {
      await stage.put(path, 'needle\n')
    }
    const found = async (glob: string, path = '.') =>
      pathsIn(await search({ pattern: 'needle', glob, path }))
    expect(await found('*.log')).toEqual([])
    expect(await found('*.ts')).toEqual(['a.ts', 'src/b.ts'])
    expect(await found('*.{ts,md}')).toEqual(['a.ts', 'src/b.ts', 'src/c.md'])
    expect(await found('src/**/*.ts?')).toEqual(['src/b.tsx'])
    expect(await found('./*.ts')).toEqual(['a.ts'])
    expect(await found('b.*', 'src')).toEqual(['src/b.ts', 'src/b.tsx'])
    expect(await found('src/*', 'src')).toEqual([])
    expect(await found('[ab].ts')).toEqual(['a.ts', 'src/b.ts'])
  })

  it("do not depend on the user's ripgrep configuration", async () => {
    await stage.put('a.txt', 'needle\n')
    const config = join(stage.outside, 'ripgreprc')
    await writeFile(config, '--invert-match\n--pre=/bin/false\n')
    const script = `
      import { Workspace } from './src/machine/workspace.ts'
      import { ripgrep } from './tools/ripgrep.ts'
      const workspace = await Workspace.open(process.argv[1])
      const found = []
      await ripgrep({
        workspace, path: '.', arguments: ['--regexp=needle'], separator: '\\n', timeoutMs: 10_000,
        signal: new AbortController().signal, take: (record) => found.push(String(record)) > 0,
      })
      console.log(found.join())`
    const { stdout } = await run(
      process.execPath,
      ['--input-type=module', '-e', script, stage.root],
      {
        cwd: join(import.meta.dirname, '../..'),
        env: { ...process.env, RIPGREP_CONFIG_PATH: config },
      },
    )
    expect(stdout).toBe('./a.txt:needle\n')
  })
})

const pathsIn = (text: string) =>
  text
    .split('\n')
    .map((line) => line.split(':')[0] ?? '')
    .filter((path) => !path.startsWith('['))

describe('a search', () => {
  const search = (options: Partial<Parameters<typeof ripgrep>[0]>) =>
    ripgrep({
      workspace: stage.workspace,
      path: '.',
      arguments: ['--files'],
      separator: '\n',
      signal: new AbortController().signal,
      timeoutMs: 30_000,
      take: () => true,
      ...options,
    })

  it('ends its process when its signal aborts', async () => {
    // More files than it can search before the abort.
    const line = `${'a'.repeat(1000)}\n`.repeat(2000)
    for (let count = 0; count < 20; count++) await stage.put(`${count}.txt`, line)
    const controller = new AbortController()
    const searching = search({
      arguments: ['--json', '--regexp=a'],
      signal: controller.signal,
      take: () => {
        controller.abort(new Error('enough'))
        return true
      },
    })
    await expect(searching).rejects.toThrow('enough')
    await until(5000, 'no search is left', async () => {
      const { stdout } = await run('ps', ['-eo', 'stat,ppid,comm'])
      const own = stdout.split('\n').filter((line) => line.includes(` ${process.pid} `))
      return own.every((line) => !/\brg$/.test(line) || line.startsWith('Z'))
    })
  })

  it('ends at its limit of results or of time', async () => {
    for (let count = 0; count < 10; count++) await stage.put(`${count}.txt`, '')
    expect(await search({ take: () => false })).toBe('enough')
    // The time limit passes before the first file is read, also on a busy machine.
    const slow = await stage.put('slow.sh', '#!/bin/sh\nexec sleep 2\n')
    await chmod(slow, 0o755)
    const waiting = { arguments: ['--json', '--regexp=a', `--pre=${slow}`] }
    expect(await search({ ...waiting, timeoutMs: 0 })).toBe('late')
    expect(await search({})).toBe('done')
  })

  it('is safe to repeat', () => {
    expect(grep(stage.workspace).retry).toBe('safe')
  })
})
