/** The messages of files have the compact form, some time after the first start of this version on the folder. */
import { readFile, utimes } from 'node:fs/promises'
import { join } from 'node:path'

import { describe, expect, it } from 'vitest'

import { newMessageId } from '../../src/ground/message-id.ts'
import type { Store } from '../../src/store.ts'
import { pathOf } from '../../src/store/file/file-names.ts'
import { recordsIn } from '../../src/store/file/record.ts'
import { compactFormat, format } from '../../src/store/file/stored.ts'
import { until } from '../redis/until.ts'
import { converse, letter, said } from './conversation.ts'
import { newFolder, openFolder } from './stored-folder.ts'

const hour = 3_600_000
const text = 'word '.repeat(58).slice(0, 288)

/** The format of a session's file, and the kinds of its messages. */
async function formOf(folder: string, id: string): Promise<{ format: unknown; kinds: string[] }> {
  const [head, ...records] = recordsIn(await readFile(pathOf(join(folder, 'sessions'), id)))
  const kinds = records.map(({ kind }) => kind).filter((kind) => kind === 'm' || kind === 'n')
  return { format: JSON.parse(head?.json ?? '').format, kinds }
}

/** A conversation with messages as an agent makes them. */
async function talkOf(store: Store, turns: number, size = 288) {
  const talk = converse(store)
  for (let at = 0; at < turns; at++) {
    const [id, replyId] = [newMessageId(), newMessageId()]
    const words = text.repeat(Math.ceil(size / text.length)).slice(0, size)
    const claim = await talk.claim(letter(id, { message: said(id, 'user', words), replyId }))
    const message = {
      ...said(replyId, 'assistant', words),
      metadata: { agent: 'assistant', createdAt: 1_796_023_983_897, steps: 1, outcome: 'finished' },
    }
    await talk.finish(claim, { message })
  }
  return talk
}

describe('the messages of files', () => {
  it('are compact from a day after the first start on', async () => {
    const folder = await newFolder()
    let now = Date.now()
    const open = () => openFolder(folder, { now: () => now })
    const first = await open()
    const before = await talkOf(first, 1)
    expect(await formOf(folder, before.id)).toEqual({ format, kinds: ['m', 'm'] })
    await first.close()
    now += 25 * hour
    const second = await open()
    const after = await talkOf(second, 1)
    expect(await formOf(folder, after.id)).toEqual({ format: compactFormat, kinds: ['n', 'n'] })
    // A file keeps its form until it is written anew.
    await converse(second, before.id).turn(letter('m2'))
    expect((await formOf(folder, before.id)).format).toBe(format)
    const messages = await Promise.all([before, after].map(({ id }) => second.messages(id)))
    await second.close()
    const third = await open()
    const again = await Promise.all([before, after].map(({ id }) => third.messages(id)))
    expect(again).toEqual(messages)
  })

  it('of an older file become compact when the file is written anew', async () => {
    const folder = await newFolder()
    const first = await openFolder(folder)
    const talk = await talkOf(first, 30)
    const messages = await first.messages(talk.id)
    await first.close()
    const yesterday = new Date(Date.now() - 25 * hour)
    await utimes(join(folder, 'upgraded'), yesterday, yesterday)
    const second = await openFolder(folder)
    expect(await second.messages(talk.id)).toEqual(messages)
    // The states before each turn are out of date, and in the end a draft replaces the file.
    await until(20_000, 'the file is written anew', async () => {
      await converse(second, talk.id).turn(letter(newMessageId()))
      return (await formOf(folder, talk.id)).format === compactFormat
    })
    expect((await formOf(folder, talk.id)).kinds).not.toContain('m')
    expect((await second.messages(talk.id)).slice(0, messages.length)).toEqual(messages)
  })

  it('that forks share are compact too', async () => {
    const folder = await newFolder()
    const first = await openFolder(folder, { rollbackMs: 0 })
    const talk = await talkOf(first, 40, 2000)
    const copy = converse(first)
    expect(await first.fork(talk.id, { newId: copy.id, tenant: '' })).toBe(true)
    const messages = await first.messages(talk.id)
    await first.close()
    const second = await openFolder(folder, { rollbackMs: 0 })
    for (const { id } of [talk, copy]) expect(await second.messages(id)).toEqual(messages)
    expect((await formOf(folder, copy.id)).format).toBe(compactFormat)
  })
})
