/** Attempts to leave the workspace. */
import { execFileSync } from 'node:child_process'
import { mkdir, readdir, readFile as read, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

import { afterEach, beforeEach, describe, expect, it } from 'vitest'

import { Workspace } from '../../src/machine/workspace.ts'
import { until } from '../redis/until.ts'
import { type FilesStage, openStage } from './files-stage.ts'
import { whileSwapping } from './swap-paths.ts'

let stage: FilesStage
beforeEach(async () => {
  stage = await openStage()
  await writeFile(join(stage.outside, 'secret.txt'), 'secret\n')
  await stage.put('dir/inside.txt', 'inside\n')
})
afterEach(() => stage[Symbol.asyncDispose]())

const place = (target: string, at: string) => symlink(target, join(stage.root, at))

/** All five tools must refuse the path. */
async function expectNoWay(path: string, message: RegExp): Promise<void> {
  const found = [
    await stage.refusal('read_file', { path }),
    await stage.refusal('write_file', { path, content: 'changed' }),
    await stage.refusal('edit_file', { path, edits: [{ old: 'secret', new: 'changed' }] }),
    await stage.refusal('grep', { path, pattern: 'secret' }),
    await stage.refusal('glob', { path, pattern: '**' }),
  ]
  for (const refusal of found) expect(refusal).toMatch(message)
  expect(found.join('\n')).not.toContain('/proc/self/fd')
  expect(await read(join(stage.outside, 'secret.txt'), 'utf8')).toBe('secret\n')
  expect(await readdir(stage.outside)).toEqual(['secret.txt'])
}

describe('file tools', () => {
  it.each([
    '../outside/secret.txt',
    'dir/../../outside/secret.txt',
    'none/../../outside/secret.txt',
    '/etc/passwd',
    '/proc/self/environ',
    '/proc/self/root/etc/passwd',
    '/dev/zero',
    '..',
    '/',
  ])('do not follow the path %s', async (path) => {
    await expectNoWay(path, /is outside the workspace/)
  })

  it('do not confuse the workspace with a sibling folder', async () => {
    await mkdir(`${stage.root}-evil`)
    await writeFile(`${stage.root}-evil/secret.txt`, 'secret\n')
    await expectNoWay(`${stage.root}-evil/secret.txt`, /is outside/)
    await expectNoWay('../ws-evil/secret.txt', /is outside/)
  })

  it('refuse a NUL character', async () => {
    await expectNoWay('dir/inside.txt\0/../../outside/secret.txt', /NUL/)
  })

  it('refuse an empty path', async () => {
    expect(await stage.refusal('read_file', { path: '' })).toMatch(/empty/)
  })

  it('follow no link out of the workspace', async () => {
    await place(join(stage.outside, 'secret.txt'), 'absolute')
    await place('../outside/secret.txt', 'relative')
    await place('../outside', 'folder')
    await place('../../outside', 'dir/folder')
    await place('/', 'everything')
    for (const path of [
      'absolute',
      'relative',
      'folder',
      'folder/secret.txt',
      'folder/new.txt',
      'dir/folder/secret.txt',
      'everything/etc/passwd',
    ]) {
      await expectNoWay(path, /is outside the workspace \(a link/)
    }
  })

  it('follow no chain of links out of the workspace', async () => {
    await place('two', 'one')
    await place('dir/three', 'two')
    await place('../../outside/secret.txt', 'dir/three')
    await expectNoWay('one', /is outside/)
    // Each single step seems to stay inside.
    await place('dir', 'down')
    await place('down/../../outside', 'round')
    await expectNoWay('round/secret.txt', /is outside/)
  })

  it('write through no broken link that leads outside', async () => {
    await place(join(stage.outside, 'new.txt'), 'dangling')
    await place(join(stage.outside, 'none/new.txt'), 'deep')
    await expectNoWay('dangling', /is outside/)
    await expectNoWay('deep', /is outside/)
  })

  it('refuse circular links', async () => {
    await place('b', 'a')
    await place('a', 'b')
    await expectNoWay('a', /too many links/)
  })

  it('open no device or FIFO in the workspace', async () => {
    execFileSync('mkfifo', [join(stage.root, 'fifo')])
    await place('/dev/zero', 'device')
    expect(await stage.refusal('read_file', { path: 'fifo' })).toMatch(/is a FIFO/)
    expect(await stage.refusal('grep', { path: 'fifo', pattern: 'x' })).toMatch(/is a FIFO/)
    await expectNoWay('device', /is outside/)
  })

  it('search and list no link targets', async () => {
    await place('../outside', 'folder')
    await place('../outside/secret.txt', 'file')
    expect(await stage.modelText('grep', { pattern: 'secret' })).toBe('[No matches.]')
    expect(await stage.modelText('glob', { pattern: '**/*' })).toBe('dir/inside.txt')
    expect(await stage.refusal('glob', { pattern: '../**' })).toMatch(/leads out/)
    expect(await stage.refusal('glob', { pattern: `${stage.outside}/*` })).toMatch(/is outside/)
  })

  it('accept absolute paths of the workspace, also through links', async () => {
    const alias = join(stage.outside, 'alias')
    await symlink(stage.root, alias)
    await place(join(alias, 'dir'), 'back')
    await place('../ws/dir/inside.txt', 'around')
    const workspace = await Workspace.open(alias)
    for (const path of [
      join(alias, 'dir/inside.txt'),
      join(stage.root, 'dir/inside.txt'),
      'back/inside.txt',
      'around',
      'dir/../dir//./inside.txt',
    ]) {
      expect((await workspace.look(path)).path).toBe('dir/inside.txt')
    }
    await rm(alias)
  })

  it('refuse an invalid workspace', async () => {
    await stage.put('file', '')
    const opened = (path: string) => Workspace.open(join(stage.root, path))
    await expect(opened('none')).rejects.toMatchObject({ code: 'invalid-config' })
    await expect(opened('file')).rejects.toMatchObject({ code: 'invalid-config' })
  })

  it('report a removed workspace', async () => {
    await rm(stage.root, { recursive: true })
    expect(await stage.refusal('read_file', { path: 'a' })).toBe(
      'The workspace itself cannot be opened.',
    )
    await mkdir(stage.root)
    await stage.call('write_file', { path: 'a', content: 'back' })
  })
})

describe('races', () => {
  /** Returns the text of a call, whether it succeeded or failed. */
  const textOf = async (call: Promise<{ text: string }>) => {
    const settled = await call.catch((error: unknown) => error)
    if (settled instanceof Error) return settled.message
    return typeof settled === 'object' && settled !== null && 'text' in settled
      ? String(settled.text)
      : ''
  }

  /** Repeats a call, and goes on until one has met the path in its place: a busy machine may miss it often. */
  const repeat = async (count: number, call: () => Promise<boolean>) => {
    let isMet = false
    for (let done = 0; done < count; done++) isMet = (await call()) || isMet
    if (!isMet) await until(30_000, 'a call meets the path in its place', call)
  }

  it('leak no read when a directory becomes a link', async () => {
    await stage.put('dir/secret.txt', 'inside\n')
    const texts = new Set<string>()
    await place('../outside', 'dir-trap')
    await whileSwapping(join(stage.root, 'dir'), async () => {
      await repeat(500, async () => {
        texts.add(await textOf(stage.call('read_file', { path: 'dir/secret.txt' })))
        return texts.has('1: inside')
      })
    })
    expect(texts).toContain('1: inside')
    expect([...texts].filter((text) => text.startsWith('1: secret'))).toEqual([])
  })

  it('leak no read when a file becomes a link', async () => {
    await stage.put('file', 'inside\n')
    const texts = new Set<string>()
    await place('../outside/secret.txt', 'file-trap')
    await whileSwapping(join(stage.root, 'file'), async () => {
      await repeat(500, async () => {
        texts.add(await textOf(stage.call('read_file', { path: 'file' })))
        return texts.has('1: inside')
      })
    })
    expect(texts).toContain('1: inside')
    expect([...texts].filter((text) => text.startsWith('1: secret'))).toEqual([])
  })

  it('let no write outside', async () => {
    await place('../outside', 'dir-trap')
    await whileSwapping(join(stage.root, 'dir'), async () => {
      let count = 0
      await repeat(150, async () => {
        const written = stage.call('write_file', { path: 'dir/new.txt', content: `${++count}` })
        const isWritten = await written.then(
          () => true,
          () => false,
        )
        await textOf(
          stage.call('write_file', { path: `dir/made-${count}/new.txt`, content: 'made' }),
        )
        return isWritten
      })
    })
    expect(await readdir(stage.outside)).toEqual(['secret.txt'])
    expect(await readdir(join(stage.root, 'dir'))).toContain('new.txt')
  })

  it('let no search outside', async () => {
    await stage.put('dir/secret.txt', 'inside\n')
    const found = 'dir/inside.txt:1: inside\ndir/secret.txt:1: inside'
    const texts: string[] = []
    await place('../outside', 'dir-trap')
    await whileSwapping(join(stage.root, 'dir'), async () => {
      await repeat(60, async () => {
        texts.push(await textOf(stage.call('grep', { pattern: 'secret|inside', path: 'dir' })))
        texts.push(await textOf(stage.call('glob', { pattern: '**', path: 'dir' })))
        return texts.includes(found)
      })
    })
    expect(texts.filter((text) => text.includes(': secret'))).toEqual([])
    expect(texts).toContain(found)
  })
})
