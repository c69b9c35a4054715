import { execFileSync } from 'node:child_process'
import { open } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'

import { afterEach, beforeEach, describe, expect, it } from 'vitest'

import { readFile } from '../../tools/read-file.ts'
import { type FilesStage, openStage } from './files-stage.ts'

let stage: FilesStage
beforeEach(async () => {
  stage = await openStage()
})
afterEach(() => stage[Symbol.asyncDispose]())

const png = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
)

const lines = (count: number, text = 'line') =>
  Array.from({ length: count }, (_, index) => `${text} ${index + 1}\n`).join('')

describe('read_file', () => {
  it.each([
    ['cafe\u0301.txt', 'caf\u00e9.txt'],
    ['caf\u00e9.txt', 'cafe\u0301.txt'],
    ['at\u202f9 AM.txt', 'at 9 AM.txt'],
    ['a\u00a0b/it\u2019s.txt', "a b/it's.txt"],
  ])('finds a file whose name looks the same: %j', async (name, asked) => {
    await stage.put(name, 'found\n')
    expect((await stage.call('read_file', { path: asked })).text).toContain('found')
  })

  it('refuses a name that two files resemble', async () => {
    await stage.put('it\u2019s.txt', 'one')
    await stage.put('it\u2018s.txt', 'two')
    expect(await stage.refusal('read_file', { path: "it's.txt" })).toMatch(/There is no/)
  })

  it('does not match a similar name for a new file', async () => {
    await stage.put('it\u2019s.txt', 'one')
    await stage.call('write_file', { path: "it's.txt", content: 'two' })
    expect(await stage.text('it\u2019s.txt')).toBe('one')
    expect(await stage.text("it's.txt")).toBe('two')
  })

  it('matches a name for a new file that only differs in spaces or invisible characters', async () => {
    await stage.put('my\u00a0file\u200b.txt', 'one')
    await stage.call('read_file', { path: 'my file.txt' })
    const output = await stage.call('write_file', { path: 'my file.txt', content: 'two' })
    expect(output.text).toContain('Overwrote')
    expect(await stage.text('my\u00a0file\u200b.txt')).toBe('two')
  })

  it('matches the name of a directory above a new file', async () => {
    await stage.put('My\u00a0Notes \u2013 Zo\u0065\u0308/a.txt', 'one')
    await stage.call('write_file', { path: 'My Notes - Zoë/b/c.txt', content: 'two' })
    expect(await stage.text('My\u00a0Notes \u2013 Zo\u0065\u0308/b/c.txt')).toBe('two')
  })

  it('numbers the lines', async () => {
    await stage.put('a.txt', 'one\n\n  three\n')
    expect(await stage.modelText('read_file', { path: 'a.txt' })).toBe('1: one\n2: \n3:   three')
  })

  it('reports that a file is empty', async () => {
    await stage.put('empty', '')
    expect(await stage.modelText('read_file', { path: 'empty' })).toBe('[The file is empty.]')
  })

  it('shows a last line without an ending', async () => {
    await stage.put('a.txt', 'one\ntwo')
    expect(await stage.modelText('read_file', { path: 'a.txt' })).toBe('1: one\n2: two')
  })

  it('reads from an offset and reports the next one', async () => {
    await stage.put('a.txt', lines(10))
    expect(await stage.call('read_file', { path: 'a.txt', offset: 4, limit: 2 })).toMatchObject({
      text: '4: line 4\n5: line 5\n\n[Lines 4-5 of 10. Use offset=6 to read on.]',
      nextOffset: 6,
    })
  })

  it('reports no more lines at the end of the file', async () => {
    await stage.put('a.txt', lines(10))
    const output = await stage.call('read_file', { path: 'a.txt', offset: 9, limit: 2 })
    expect(output.text).toBe('9: line 9\n10: line 10')
    expect(output.nextOffset).toBeUndefined()
  })

  it('refuses an offset beyond the end', async () => {
    await stage.put('a.txt', 'one\n')
    expect(await stage.refusal('read_file', { path: 'a.txt', offset: 2 })).toMatch(
      /Offset 2 is beyond the end.*1 line/,
    )
  })

  it.each([0, -1])('refuses limit %d', async (limit) => {
    await stage.put('a.txt', 'one\n')
    expect(await stage.refusal('read_file', { path: 'a.txt', limit })).toMatch(/limit: /)
  })

  it('accepts null fields and offset 0', async () => {
    await stage.put('a.txt', 'one\n')
    const none = { path: 'a.txt', offset: null, limit: null }
    expect(await stage.modelText('read_file', none)).toBe('1: one')
    expect(await stage.modelText('read_file', { path: 'a.txt', offset: 0 })).toBe('1: one')
  })

  it('accepts other names of the path field', async () => {
    await stage.put('a.txt', 'one\n')
    expect(await stage.modelText('read_file', { file_path: 'a.txt' })).toBe('1: one')
  })

  it('shows 2000 lines at a time', async () => {
    await stage.put('a.txt', lines(2001, ''))
    const output = await stage.call('read_file', { path: 'a.txt', limit: 9999 })
    expect(output.text).toContain('[Lines 1-2000 of 2001. Use offset=2001 to read on.]')
    const exact = await stage.call('read_file', { path: 'a.txt', offset: 2 })
    expect(exact.nextOffset).toBeUndefined()
  })

  it('shows whole lines up to 50 KB', async () => {
    await stage.put('a.txt', lines(1000, 'x'.repeat(200)))
    const { text, nextOffset = 0 } = await stage.call('read_file', { path: 'a.txt' })
    expect(Buffer.byteLength(text)).toBeLessThan(50 * 1024 + 200)
    expect(text).toContain(`x ${nextOffset - 1}\n\n[Lines 1-${nextOffset - 1} of 1000.`)
  })

  it('cuts a line at 2000 characters, between characters', async () => {
    await stage.put('a.txt', `${'x'.repeat(1999)}😀 tail\n${'y'.repeat(2000)}\r\n`)
    const text = await stage.modelText('read_file', { path: 'a.txt' })
    expect(text).toBe(
      `1: ${'x'.repeat(1999)}…\n2: ${'y'.repeat(2000)}\n\n[Lines ending in … are cut at 2000 characters.]`,
    )
  })

  it('reads one line of 256 MB in bounded memory', async () => {
    const handle = await open(await stage.put('big.txt', ''), 'w')
    const chunk = Buffer.alloc(4 * 1024 * 1024, 'a')
    for (let count = 0; count < 64; count++) await handle.write(chunk)
    await handle.close()
    const before = process.memoryUsage().rss
    const text = await stage.modelText('read_file', { path: 'big.txt' })
    expect(text.length).toBeLessThan(2200)
    expect(text).not.toContain('read on')
    expect(process.memoryUsage().rss - before).toBeLessThan(100 * 1024 * 1024)
  })

  it('reads only the shown part of a large file', async () => {
    await stage.put('a.txt', lines(600_000, 'line of some length'))
    const output = await stage.call('read_file', { path: 'a.txt', limit: 1 })
    expect(output.text).toBe('1: line of some length 1\n\n[Lines 1-1. Use offset=2 to read on.]')
    const last = await stage.call('read_file', { path: 'a.txt', offset: 600_000, limit: 1 })
    expect(last.text).toBe('600000: line of some length 600000')
  })

  it('ends even if the file grows during the read', async () => {
    const path = await stage.put('grows.log', lines(200_000))
    const handle = await open(path, 'a')
    const over = new AbortController()
    const growing = (async () => {
      while (!over.signal.aborted) await handle.write(lines(1000, 'new'))
    })()
    try {
      const answer = await stage.refusal('read_file', { path: 'grows.log', offset: 10_000_000 })
      expect(answer).toContain('beyond the end')
    } finally {
      over.abort()
      await growing
      await handle.close()
    }
  })

  it.each([
    ['CRLF', 'one\r\ntwo\r\n', '1: one\n2: two'],
    ['a lone CR', 'one\rtwo\n', '1: one\rtwo'],
    ['a byte order mark', '\uFEFFone\n', '1: one'],
    ['a mark in the middle', 'one\n\uFEFFtwo\n', '1: one\n2: \uFEFFtwo'],
  ])('shows %s', async (_, content, text) => {
    await stage.put('a.txt', content)
    expect(await stage.modelText('read_file', { path: 'a.txt' })).toBe(text)
  })

  it('decodes UTF-16 with a byte order mark', async () => {
    const little = Buffer.from('\uFEFFhé😀\nb\n', 'utf16le')
    await stage.put('le.txt', little)
    await stage.put('be.txt', Buffer.from(little).swap16())
    expect(await stage.modelText('read_file', { path: 'le.txt' })).toContain('1: hé😀\n2: b\n\n[')
    expect(await stage.modelText('read_file', { path: 'be.txt' })).toContain('1: hé😀\n2: b\n\n[')
  })

  it('marks bytes that are not UTF-8', async () => {
    await stage.put('a.txt', Buffer.from([0x61, 0xff, 0x62, 0x0a]))
    expect(await stage.modelText('read_file', { path: 'a.txt' })).toBe(
      '1: a\uFFFDb\n\n[\uFFFD may stand for bad bytes.]',
    )
  })

  it('decodes a character that two reads split', async () => {
    const before = 'a'.repeat(1023) + '\n'
    await stage.put('a.txt', `${before.repeat(63)}${'a'.repeat(1022)}é😀\n`)
    const { text } = await stage.call('read_file', { path: 'a.txt', offset: 64 })
    expect(text).toBe(`64: ${'a'.repeat(1022)}é😀`)
  })

  it('shows a text file with any name', async () => {
    await stage.put('a.png', 'BM is no bitmap, é\n')
    expect(await stage.modelText('read_file', { path: 'a.png' })).toBe('1: BM is no bitmap, é')
  })

  it('detects binary files by their bytes', async () => {
    await stage.put('a.txt', Buffer.from('PK\x03\x04\0\0\0', 'latin1'))
    await stage.put('b.txt', Buffer.from('abc\0def'))
    expect(await stage.refusal('read_file', { path: 'a.txt' })).toMatch(/binary.*ZIP.*7 bytes/)
    expect(await stage.refusal('read_file', { path: 'b.txt' })).toMatch(/61 62 63 00.*7 bytes/)
  })

  it('describes an image, or sends it if enabled', async () => {
    await stage.put('pixel.txt', png)
    expect(await stage.modelText('read_file', { path: 'pixel.txt' })).toMatch(
      /image\/png, 70 bytes/,
    )
    await using seeing = await openStage({ images: true })
    await seeing.put('pixel', png)
    const output = await seeing.call('read_file', { path: 'pixel' })
    const tool = readFile(seeing.workspace, { images: true })
    expect(await tool.toModelOutput?.({ toolCallId: 'x', input: {}, output })).toEqual({
      type: 'content',
      value: [
        { type: 'text', text: output.text },
        {
          type: 'file',
          mediaType: 'image/png',
          data: { type: 'data', data: png.toString('base64') },
        },
      ],
    })
  })

  it('refuses a large image', async () => {
    await using seeing = await openStage({ images: true })
    await seeing.put('big.png', Buffer.concat([png, Buffer.alloc(3 * 1024 * 1024)]))
    expect(await seeing.refusal('read_file', { path: 'big.png' })).toMatch(/too large.*2\.0 MB/)
  })

  it('refuses entries that are not regular files', async () => {
    await stage.put('dir/a.txt', 'one\n')
    execFileSync('mkfifo', [join(stage.root, 'fifo')])
    const server = createServer()
    const listening = Promise.withResolvers<void>()
    server.listen(join(stage.root, 'socket'), () => listening.resolve())
    await listening.promise
    try {
      expect(await stage.refusal('read_file', { path: 'dir' })).toContain('is a directory')
      expect(await stage.refusal('read_file', { path: '.' })).toContain('is a directory')
      expect(await stage.refusal('read_file', { path: 'fifo' })).toContain('is a FIFO')
      expect(await stage.refusal('read_file', { path: 'socket' })).toContain('is a socket')
      expect(await stage.refusal('read_file', { path: 'none' })).toBe('There is no "none".')
      expect(await stage.refusal('read_file', { path: 'dir/a.txt/b' })).toContain('not a directory')
    } finally {
      server.close()
    }
  })

  it('ends when its signal aborts', async () => {
    await stage.put('a.txt', lines(600_000))
    const controller = new AbortController()
    const reading = stage.refusal(
      'read_file',
      { path: 'a.txt', offset: 600_000 },
      { signal: controller.signal },
    )
    controller.abort(new Error('enough'))
    expect(await reading).toBe('enough')
  })

  it('is safe to repeat', () => {
    expect(readFile(stage.workspace).retry).toBe('safe')
  })
})
