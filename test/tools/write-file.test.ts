import { execFile, execFileSync } from 'node:child_process'
import {
  chmod,
  chown,
  link,
  lstat,
  mkdir,
  readdir,
  readFile as read,
  stat,
  symlink,
  utimes,
  writeFile as write,
} from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

import { afterEach, beforeEach, describe, expect, it } from 'vitest'

import { writeFile } from '../../tools/write-file.ts'
import { type FilesStage, openStage } from './files-stage.ts'

const run = promisify(execFile)

let stage: FilesStage
beforeEach(async () => {
  stage = await openStage()
})
afterEach(() => stage[Symbol.asyncDispose]())

describe('write_file', () => {
  it('creates a file and the directories above it', async () => {
    const output = await stage.call('write_file', { path: 'a/b/c.txt', content: 'one\n' })
    expect(output).toMatchObject({ path: 'a/b/c.txt', created: true, bytes: 4 })
    expect(output.text).toBe('Created "a/b/c.txt" (4 bytes).')
    expect(await stage.text('a/b/c.txt')).toBe('one\n')
  })

  it('removes only old unfinished files', async () => {
    const old = new Date(Date.now() - 3_600_000)
    for (const name of ['.loom-write-old', '.loom-write-new', 'old.txt']) {
      const path = await stage.put(`a/${name}`, 'half')
      if (name !== '.loom-write-new') await utimes(path, old, old)
    }
    await stage.call('write_file', { path: 'a/b.txt', content: 'whole' })
    expect((await readdir(join(stage.root, 'a'))).toSorted()).toEqual([
      '.loom-write-new',
      'b.txt',
      'old.txt',
    ])
  })

  it('counts bytes, not characters', async () => {
    const output = await stage.call('write_file', { path: 'a.txt', content: 'é😀' })
    expect(output.bytes).toBe(6)
  })

  it('reports an overwrite', async () => {
    await stage.put('a.txt', 'old, and longer')
    const output = await stage.call('write_file', { path: 'a.txt', content: 'new' })
    expect(output).toMatchObject({ created: false, text: 'Overwrote "a.txt" (3 bytes).' })
    expect(await stage.text('a.txt')).toBe('new')
  })

  it('refuses a path that ends like a directory', async () => {
    await stage.put('a.txt', 'old')
    for (const path of ['a.txt/', 'a.txt/.', 'made/', 'above/made/']) {
      const refusal = await stage.refusal('write_file', { path, content: 'x' })
      expect(refusal, path).toMatch(/name of a directory/)
      expect(await stage.refusal('read_file', { path }), path).toMatch(/name of a directory/)
    }
    expect(await readdir(stage.root)).toEqual(['a.txt'])
    expect(await stage.text('a.txt')).toBe('old')
  })

  it('writes an empty file', async () => {
    await stage.call('write_file', { path: 'a.txt', content: '' })
    expect(await stage.text('a.txt')).toBe('')
  })

  it.each([
    ['\ufeffone\r\ntwo\r\n', 'three\nfour\n', '\ufeffthree\r\nfour\r\n'],
    ['one\r\ntwo\r\n', 'three\r\nfour\n', 'three\r\nfour\n'],
    ['\ufeffone\n', '\ufefftwo\n', '\ufefftwo\n'],
    ['one\r\ntwo\nthree\n', 'four\n', 'four\n'],
    ['one', 'two\n', 'two\n'],
    ['\0\r\n', 'two\n', 'two\n'],
    ['one\rtwo\r', 'three\nfour\n', 'three\rfour\r'],
    ['one\r\ntwo\n', 'three\nfour\n', 'three\nfour\n'],
  ])('keeps a byte order mark and line endings: %j', async (old, content, written) => {
    await stage.put('a.txt', old)
    await stage.call('write_file', { path: 'a.txt', content })
    expect(await stage.text('a.txt')).toBe(written)
  })

  it('keeps the encoding and line endings of UTF-16', async () => {
    for (const isBig of [false, true]) {
      const encoded = (text: string) => {
        const bytes = Buffer.from(`\ufeff${text}`, 'utf16le')
        return isBig ? bytes.swap16() : bytes
      }
      const path = isBig ? 'big.txt' : 'little.txt'
      await stage.put(path, encoded('one\r\ntwo\r\n'))
      const input = { path, content: 'drei é😀\nvier\n' }
      const { bytes } = await stage.call('write_file', input)
      expect(await stage.bytes(path)).toEqual(encoded('drei é😀\r\nvier\r\n'))
      expect(bytes).toBe(34)
      expect(await stage.modelText('read_file', { path })).toMatch(/^1: drei é😀\n2: vier\n/)
    }
  })

  it('keeps the line endings of a text in another encoding', async () => {
    await stage.put('a.txt', Buffer.from('caf\xe9 one\r\ntwo\r\n', 'latin1'))
    await stage.call('write_file', { path: 'a.txt', content: 'café\n' })
    expect(await stage.text('a.txt')).toBe('café\r\n')
  })

  it('keeps the form of a large file', async () => {
    await stage.put('a.txt', `a\r\n${'é'.repeat(600_000)}`)
    await stage.call('write_file', { path: 'a.txt', content: 'one\ntwo\n' })
    expect(await stage.text('a.txt')).toBe('one\r\ntwo\r\n')
  })

  it.runIf(process.getuid?.() === 0)('writes a mounted file in place', async () => {
    const source = join(stage.outside, 'source.yml')
    await write(source, 'a: 1\nlonger\n')
    const mounted = await stage.put('mounted.yml', '')
    execFileSync('mount', ['--bind', source, mounted])
    try {
      await stage.call('write_file', { path: 'mounted.yml', content: 'a: 2\n' })
      const edit = { path: 'mounted.yml', edits: [{ old: 'a: 2', new: 'a: 3' }] }
      await stage.call('edit_file', edit)
      expect(await read(source, 'utf8')).toBe('a: 3\n')
      expect((await readdir(stage.root)).toSorted()).toEqual(['.loom', 'mounted.yml'])
    } finally {
      execFileSync('umount', [mounted])
    }
  })

  it.runIf(process.getuid?.() === 0)("creates files for their folder's owner", async () => {
    await chown(stage.root, 12_345, 12_345)
    await stage.call('write_file', { path: 'a/b.txt', content: 'x' })
    for (const path of ['a', 'a/b.txt']) {
      expect(await stat(join(stage.root, path))).toMatchObject({ uid: 12_345, gid: 12_345 })
    }
  })

  it('keeps the mode of a file', async () => {
    const path = await stage.put('run.sh', '#!/bin/sh\n')
    await chmod(path, 0o751)
    await stage.call('write_file', { path: 'run.sh', content: '#!/bin/sh\nexit\n' })
    expect((await stat(path)).mode & 0o7777).toBe(0o751)
  })

  it('creates a file with the default mode', async () => {
    const path = await stage.put('by-us', '')
    await stage.call('write_file', { path: 'by-tool', content: '' })
    const { mode } = await stat(join(stage.root, 'by-tool'))
    expect(mode).toBe((await stat(path)).mode)
  })

  it('refuses a read-only file', async () => {
    await chmod(await stage.put('a.txt', 'old'), 0o444)
    const input = { path: 'a.txt', content: 'new' }
    expect(await stage.refusal('write_file', input)).toBe('"a.txt" is read-only.')
    expect(await stage.text('a.txt')).toBe('old')
  })

  it('refuses a file as parent and a directory as target', async () => {
    await stage.put('file', 'old')
    await mkdir(join(stage.root, 'dir'))
    execFileSync('mkfifo', [join(stage.root, 'fifo')])
    const refusal = (path: string) => stage.refusal('write_file', { path, content: 'new' })
    expect(await refusal('file/a.txt')).toBe('"file" is not a directory.')
    expect(await refusal('dir')).toContain('is a directory')
    expect(await refusal('.')).toContain('is a directory')
    expect(await refusal('fifo')).toContain('is a FIFO')
    expect(await refusal('n'.repeat(300))).toContain('too long')
    expect(await stage.text('file')).toBe('old')
  })

  it('writes through a link, even to a new file', async () => {
    await stage.put('real/a.txt', 'old')
    await symlink('real/a.txt', join(stage.root, 'link'))
    await symlink('real/b.txt', join(stage.root, 'dangling'))
    await stage.call('write_file', { path: 'link', content: 'new' })
    const output = await stage.call('write_file', { path: 'dangling', content: 'made' })
    expect(output.path).toBe('real/b.txt')
    expect(await stage.text('real/a.txt')).toBe('new')
    expect(await stage.text('real/b.txt')).toBe('made')
    expect((await lstat(join(stage.root, 'link'))).isSymbolicLink()).toBe(true)
  })

  it('leaves hard links to the old file unchanged', async () => {
    const path = await stage.put('a.txt', 'old')
    await link(path, join(stage.outside, 'same'))
    await stage.call('write_file', { path: 'a.txt', content: 'new' })
    expect(await read(join(stage.outside, 'same'), 'utf8')).toBe('old')
  })

  it('leaves the old file on a full disk', async () => {
    await stage.put('a.txt', 'old')
    // A limit on the file size makes a write fail in its middle, like a full disk.
    const script = join(import.meta.dirname, 'write-too-much.ts')
    const { stdout } = await run('bash', [
      '-c',
      'ulimit -f 64 && exec "$0" "$@"',
      process.execPath,
      script,
      stage.root,
    ])
    expect(stdout).toContain('The file would be too large')
    expect(await stage.text('a.txt')).toBe('old')
    expect(await readdir(stage.root)).toEqual(['.loom', 'a.txt'])
  })

  it('never shows a part of a file', async () => {
    const contents = ['a', 'b'].map((letter) => letter.repeat(300_000))
    await stage.put('a.txt', contents[0] ?? '')
    const over = new AbortController()
    const seen = new Set<string>()
    const watching = (async () => {
      while (!over.signal.aborted) seen.add(await stage.text('a.txt'))
    })()
    for (let count = 0; count < 20; count++) {
      await stage.call('write_file', { path: 'a.txt', content: contents[count % 2] })
    }
    over.abort()
    await watching
    expect([...seen].every((text) => contents.includes(text))).toBe(true)
  })

  it('refuses to overwrite an unread change', async () => {
    const path = await stage.put('a.txt', 'one')
    await stage.call('read_file', { path: 'a.txt' })
    const input = { path: 'a.txt', content: 'three' }
    await stage.put('a.txt', 'two')
    expect(await stage.refusal('write_file', input)).toMatch(/has changed since you read it/)
    expect(await stage.text('a.txt')).toBe('two')
    // Another session has not read the file, and a new time alone is no change.
    await stage.call('read_file', { path: 'a.txt' }, { session: 'other' })
    await utimes(path, 1, 1)
    await stage.call('write_file', input, { session: 'other' })
    expect(await stage.text('a.txt')).toBe('three')
    await stage.call('read_file', { path: 'a.txt' })
    await stage.call('write_file', { ...input, content: 'four' })
  })

  it('does not repeat the write of an earlier attempt', async () => {
    const input = { path: 'a.txt', content: 'mine' }
    await stage.call('write_file', input, { id: 'call-a' })
    const again = await (await stage.restarted()).call('write_file', input, { id: 'call-a' })
    expect(again.text).toContain('by an earlier attempt of this call')
    // Another program changed the file since, and a second write would undo that.
    await stage.put('a.txt', 'theirs')
    const restarted = await stage.restarted()
    expect(await restarted.refusal('write_file', input, { id: 'call-a' })).toMatch(/is unknown/)
    expect(await stage.text('a.txt')).toBe('theirs')
  })

  it('changes nothing after its signal aborts', async () => {
    const controller = new AbortController()
    controller.abort(new Error('enough'))
    const { signal } = controller
    const input = { path: 'a.txt', content: 'new' }
    expect(await stage.refusal('write_file', input, { signal })).toBe('enough')
    expect(await readdir(stage.root)).not.toContain('a.txt')
  })

  it('hides and protects its journal', async () => {
    await stage.call('write_file', { path: 'a.txt', content: 'journal' })
    expect(await stage.text('.loom/journal/.gitignore')).toBe('*\n')
    expect(await stage.refusal('write_file', { path: '.loom/x', content: '' })).toMatch(/reserved/)
    expect(await stage.refusal('read_file', { path: './a/../.LOOM/x' })).toMatch(/reserved/)
    expect(await stage.modelText('glob', { pattern: '**' })).toBe('a.txt')
    expect((await stage.call('grep', { pattern: '.' })).matches).toBe(1)
  })

  it('is keyed', () => {
    expect(writeFile(stage.workspace).retry).toBe('keyed')
  })
})
