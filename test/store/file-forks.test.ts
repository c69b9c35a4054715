/** Forks in files share their messages with their origin, in segments that live as long as the last of them. */
import { cp, mkdir, readdir, readFile, rm, stat, truncate } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'

import { describe, expect, it } from 'vitest'

import type { Store } from '../../src/store.ts'
import { digestOf, pathOf } from '../../src/store/file/file-names.ts'
import { recordsIn } from '../../src/store/file/record.ts'
import { format, sharedFormat } from '../../src/store/file/stored.ts'
import { until } from '../redis/until.ts'
import { converse, letter, said } from './conversation.ts'
import { copyOf, newFolder, openFolder } from './stored-folder.ts'

const large = (id: string, size = 40_000) =>
  letter(id, { message: said(id, 'user', `${id} `.padEnd(size, 'x')) })

/** A session with these large messages and their small answers. */
async function talkOf(store: Store, ids: readonly string[], size?: number) {
  const talk = converse(store)
  for (const id of ids) await talk.turn(large(id, size))
  return talk
}

async function forkOf(store: Store, id: string, options: { subject?: string } = {}) {
  const copy = converse(store)
  expect(await store.fork(id, { newId: copy.id, tenant: '', ...options })).toBe(true)
  return copy
}

/** The paths of all files in a folder. */
const filesOf = async (folder: string): Promise<string[]> =>
  (await readdir(folder, { recursive: true, withFileTypes: true }))
    .filter((each) => each.isFile())
    .map(({ parentPath, name }) => join(parentPath, name))

async function bytesOf(folder: string): Promise<number> {
  const sizes = (await filesOf(folder)).map(async (path) => (await stat(path)).size)
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0)
}

const segmentsOf = (folder: string) => readdir(join(folder, 'segments')).catch(() => [])

/** The compaction of the origin runs after the fork. */
const settled = (folder: string, id: string) =>
  until(10_000, 'the origin has references only', async () => {
    const { size } = await stat(pathOf(join(folder, 'sessions'), id))
    return size < 50_000
  })

async function formatOf(folder: string, id: string): Promise<unknown> {
  const [head] = recordsIn(await readFile(pathOf(join(folder, 'sessions'), id)))
  return JSON.parse(head?.json ?? '').format
}

describe('forks in files', () => {
  it('add less than 1 MB for 20 copies of 10 MB', async () => {
    const folder = await newFolder()
    const store = await openFolder(folder)
    const ids = Array.from({ length: 50 }, (_, at) => `m${at}`)
    const talk = await talkOf(store, ids, 200_000)
    const before = await bytesOf(folder)
    expect(before).toBeGreaterThan(10_000_000)
    const copies = []
    for (let at = 0; at < 20; at++) copies.push(await forkOf(store, talk.id))
    await settled(folder, talk.id)
    expect((await bytesOf(folder)) - before).toBeLessThan(1_000_000)
    const messages = await store.messages(talk.id)
    expect(messages).toHaveLength(100)
    await store.close()
    const next = await openFolder(folder)
    for (const { id } of [talk, ...copies]) expect(await next.messages(id)).toEqual(messages)
    for (const { id } of [talk, ...copies]) await next.remove(id, { tenant: '' })
    await next.close()
    expect(await bytesOf(folder)).toBeLessThan(100_000)
  })

  it('keep their history when the origin goes, until the last of them is deleted', async () => {
    const folder = await newFolder()
    const store = await openFolder(folder)
    const talk = await talkOf(store, ['a', 'b'])
    const messages = await store.messages(talk.id)
    const first = await forkOf(store, talk.id)
    for (const id of ['c', 'd']) await first.turn(large(id))
    const second = await forkOf(store, first.id)
    await store.remove(talk.id, { tenant: '' })
    await settled(folder, first.id)
    await store.close()
    const next = await openFolder(folder)
    expect((await next.messages(second.id)).slice(0, 4)).toEqual(messages)
    await next.remove(first.id, { tenant: '' })
    expect((await next.messages(second.id)).map(({ id }) => id).join(' ')).toBe(
      'a re-a b re-b c re-c d re-d',
    )
    expect(await segmentsOf(folder)).toHaveLength(2)
    await next.remove(second.id, { tenant: '' })
    expect(await segmentsOf(folder)).toEqual([])
  })

  it('differ after an edit on one side, and a branch keeps its messages', async () => {
    const folder = await newFolder()
    const store = await openFolder(folder)
    const talk = await talkOf(store, ['a', 'b'])
    const copy = await forkOf(store, talk.id)
    const edited = said('b', 'user', 'edited '.repeat(300))
    await talk.turn(letter('e', { message: edited, cutAt: 'b' }))
    const [branch] = await store.branches(talk.id)
    const back = converse(store)
    await store.fork(talk.id, { newId: back.id, tenant: '', branch: branch?.number ?? 0 })
    await store.close()
    const next = await openFolder(folder)
    expect(await next.messages(talk.id)).toContainEqual(edited)
    expect(await next.messages(copy.id)).toContainEqual(large('b').message)
    expect((await next.branches(talk.id))[0]?.messages).toContainEqual(large('b').message)
    expect(await next.messages(back.id)).toEqual(await next.messages(copy.id))
    for (const { id } of [talk, copy, back]) await next.remove(id, { tenant: '' })
    expect(await segmentsOf(folder)).toEqual([])
  })

  it('that are refused leave nothing', async () => {
    const folder = await newFolder()
    const store = await openFolder(folder)
    const talk = await talkOf(store, ['a', 'b'])
    const newId = 'new'
    expect(await store.fork(talk.id, { newId, tenant: 'other' })).toBe(false)
    expect(await store.fork(talk.id, { newId, tenant: '', through: 'none' })).toBe(false)
    expect(await segmentsOf(folder)).toEqual([])
    const copy = await forkOf(store, talk.id)
    expect(await store.fork(talk.id, { newId: copy.id, tenant: '' })).toBe(false)
    await store.remove(talk.id, { tenant: '' })
    expect(await store.messages(copy.id)).toContainEqual(large('a').message)
    const [segment = ''] = await segmentsOf(folder)
    const names = await readdir(join(folder, 'segments', segment))
    expect(names.toSorted()).toEqual([digestOf(copy.id), 'messages'].toSorted())
  })

  it('of another subject stay when the origin is erased, and no text stays after the last', async () => {
    const folder = await newFolder()
    const store = await openFolder(folder)
    const talk = await talkOf(store, ['a', 'b'])
    const copy = await forkOf(store, talk.id, { subject: 'bob' })
    await settled(folder, talk.id)
    await store.erase([talk.id], { tenant: '' })
    expect(await store.messages(copy.id)).toContainEqual(large('a').message)
    await store.erase([copy.id], { tenant: '' })
    await store.close()
    for (const path of await filesOf(folder))
      expect(await readFile(path, 'utf8')).not.toContain('xx')
    expect(await segmentsOf(folder)).toEqual([])
  })

  it('that end earlier keep only their own messages when the others are deleted', async () => {
    const folder = await newFolder()
    const store = await openFolder(folder)
    const talk = await talkOf(store, ['a', 'b', 'c'])
    const whole = await forkOf(store, talk.id)
    const short = converse(store)
    await store.fork(talk.id, { newId: short.id, tenant: '', through: 're-b' })
    const messages = await store.messages(short.id)
    await settled(folder, talk.id)
    for (const { id } of [talk, whole]) await store.remove(id, { tenant: '' })
    await store.close()
    const [segment = ''] = await segmentsOf(folder)
    const text = await readFile(join(folder, 'segments', segment, 'messages'), 'utf8')
    expect(text).toContain('b xx')
    expect(text).not.toContain('c xx')
    const next = await openFolder(folder)
    expect(await next.messages(short.id)).toEqual(messages)
    const again = await forkOf(next, short.id)
    expect(await next.messages(again.id)).toEqual(messages)
    expect(await segmentsOf(folder)).toEqual([segment])
  })

  it('have a later format, so that an earlier version of Loom refuses them', async () => {
    const folder = await newFolder()
    const store = await openFolder(folder)
    const small = await talkOf(store, ['a'], 1000)
    const copied = await forkOf(store, small.id)
    const talk = await talkOf(store, ['a', 'b'])
    const copy = await forkOf(store, talk.id)
    await settled(folder, talk.id)
    for (const { id } of [small, copied]) expect(await formatOf(folder, id)).toBe(format)
    for (const { id } of [talk, copy]) expect(await formatOf(folder, id)).toBe(sharedFormat)
  })

  it('without their segment answer `unavailable`, and the other sessions work', async () => {
    const folder = await newFolder()
    const store = await openFolder(folder)
    const talk = await talkOf(store, ['a', 'b'])
    const copy = await forkOf(store, talk.id)
    const small = await talkOf(store, ['c'], 10)
    await store.close()
    const [segment = ''] = await segmentsOf(folder)
    await truncate(join(folder, 'segments', segment, 'messages'), 1000)
    // The index is a cache: without it, the start reads every file.
    await rm(join(folder, 'index'))
    const reports: unknown[] = []
    const next = await openFolder(folder, { report: (error) => reports.push(error) })
    await expect(next.messages(copy.id)).rejects.toMatchObject({ code: 'unavailable' })
    expect(await next.messages(small.id)).toHaveLength(2)
    expect(reports.join()).toContain('cannot be read')
  })
})

describe('a process that was killed in a fork', () => {
  /** The folder before the fork and after it. */
  async function twoFolders() {
    const folder = await newFolder()
    const store = await openFolder(folder)
    const talk = await talkOf(store, ['a', 'b'])
    const messages = await store.messages(talk.id)
    const before = await copyOf(folder)
    const copy = await forkOf(store, talk.id)
    await settled(folder, talk.id)
    await store.close()
    const [segment = ''] = await segmentsOf(folder)
    const forked = pathOf('sessions', copy.id)
    const segmentFiles = ['messages', digestOf(talk.id), digestOf(copy.id)].map((name) =>
      join('segments', segment, name),
    )
    /** A copy of the folder before, with some files of the folder after. */
    const withFiles = async (paths: readonly string[]) => {
      const state = await copyOf(before)
      for (const path of paths) {
        await mkdir(dirname(join(state, path)), { recursive: true })
        await cp(join(folder, path), join(state, path))
      }
      return state
    }
    return { talk, copy, messages, forked, segmentFiles, withFiles }
  }

  it('leaves the origin whole, and the fork whole or absent', async () => {
    const { talk, copy, messages, forked, segmentFiles, withFiles } = await twoFolders()
    const { size } = await stat(join(await withFiles([forked]), forked))
    const states: { files: string[]; cut?: number; isForked?: boolean }[] = [
      ...[1, 2, 3].map((count) => ({ files: segmentFiles.slice(0, count) })),
      ...[0, 20, 200, size - 1].map((cut) => ({ files: [...segmentFiles, forked], cut })),
      { files: [...segmentFiles, forked], isForked: true },
      { files: [...segmentFiles, forked, pathOf('sessions', talk.id)], isForked: true },
    ]
    for (const { files, cut, isForked = false } of states) {
      const label = `${files.map((path) => basename(path)).join()} cut at ${cut}`
      const state = await withFiles(files)
      if (cut !== undefined) await truncate(join(state, forked), cut)
      const next = await openFolder(state)
      expect(await next.messages(talk.id), label).toEqual(messages)
      expect(await next.messages(copy.id), label).toEqual(isForked ? messages : [])
      expect(await segmentsOf(state), label).toHaveLength(isForked ? 1 : 0)
      // The next fork finds everything that it needs.
      const again = await forkOf(next, talk.id)
      await next.close()
      const last = await openFolder(state)
      for (const { id } of [talk, again]) expect(await last.messages(id), label).toEqual(messages)
      for (const { id } of [talk, copy, again]) await last.remove(id, { tenant: '' })
      expect(await segmentsOf(state), label).toEqual([])
      await last.close()
    }
  })
})
