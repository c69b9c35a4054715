/** The file store on a disk that fails: nothing is half-stored, and nothing that it confirmed is lost. */
import { readFile, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'

import { afterEach, describe, expect, it } from 'vitest'

import { type DiskFaults, setDiskFaults } from './disk-faults.ts'

// The store takes its functions of the file system when it loads, after the faults are in place.
const { converse, letter } = await import('./conversation.ts')
const { copyOf, everythingOf, newFolder, openFolder, sessionFiles } =
  await import('./stored-folder.ts')

afterEach(() => setDiskFaults({}))

const ids = ['m1', 'm2', 'm3', 'm4']
const tooFull = 'The disk of the server is full'

/** The disk recovers after the test removes the fault. `isKnown`: nothing was stored. */
const kinds: [kind: string, faults: DiskFaults, text: string, isKnown: boolean][] = [
  ['a full disk', { write: { code: 'ENOSPC' } }, tooFull, true],
  ['a write cut short', { write: { code: 'ENOSPC', after: 30 } }, tooFull, true],
  ['a write error', { write: { code: 'EIO' } }, 'The server cannot use its files now', true],
  ['a sync error', { sync: { code: 'EIO' } }, 'The server cannot use its files now', false],
  ['a disk that is full at the sync', { sync: { code: 'ENOSPC' } }, tooFull, false],
]

describe.each(kinds)('%s', (_, faults, text, isKnown) => {
  it('refuses a post, and the same post is accepted later', async () => {
    const folder = await newFolder()
    const store = await openFolder(folder)
    const talk = converse(store)
    await talk.turn(letter('m1'))
    const before = await everythingOf(store, talk.id, ids)
    setDiskFaults(faults)
    const refusal = {
      code: 'unavailable',
      retryable: true,
      message: expect.stringContaining(text),
    }
    await expect(talk.post(letter('m2'))).rejects.toMatchObject(refusal)
    await expect(converse(store, 'new').post(letter('m1'))).rejects.toMatchObject(refusal)
    await expect(talk.post(letter('m2'))).rejects.toMatchObject({
      message: expect.stringContaining(isKnown ? 'nothing was stored' : 'may not have stored'),
    })
    // A process that dies now has lost nothing that was confirmed.
    const dead = await openFolder(await copyOf(folder))
    expect(await converse(dead, talk.id).history()).toEqual([
      'm1',
      're-m1',
      ...(isKnown ? [] : ['m2']),
    ])
    setDiskFaults({})
    if (isKnown) expect(await everythingOf(store, talk.id, ids)).toEqual(before)
    const status = isKnown ? 'claimed' : 'known'
    expect(await talk.post(letter('m2'))).toMatchObject({ status })
    expect(await talk.history()).toEqual(['m1', 're-m1', 'm2'])
    expect(await converse(store, 'new').post(letter('m1'))).toMatchObject({ status })
    const next = await openFolder(await copyOf(folder))
    expect(await everythingOf(next, talk.id, ids)).toEqual(await everythingOf(store, talk.id, ids))
  })

  it('lapses the heartbeat until the disk works again', async () => {
    const store = await openFolder(await newFolder())
    await store.beat('one', 1000)
    setDiskFaults(faults)
    await expect(converse(store).post(letter('m1'))).rejects.toThrow()
    await expect(store.beat('one', 1000)).rejects.toMatchObject({ code: 'unavailable' })
    setDiskFaults({})
    await store.beat('one', 1000)
  })
})

describe('a sync that fails once', () => {
  it('confirms no write of the same file that came later', async () => {
    const folder = await newFolder()
    const store = await openFolder(folder)
    const talk = converse(store)
    await talk.turn(letter('m1'))
    const [path = ''] = await sessionFiles(folder)
    const { ino } = await stat(path)
    setDiskFaults({ sync: { code: 'EIO', once: true } })
    // The second post writes while the sync of the first is under way. A sync after it would succeed,
    // because the system has reported the lost pages already.
    const posts = [talk.post(letter('m2')), talk.post(letter('m3'))]
    for (const result of await Promise.allSettled(posts)) {
      expect(result).toMatchObject({ status: 'rejected', reason: { code: 'unavailable' } })
    }
    // Only a new file is sure to be on the disk.
    expect(await talk.post(letter('m3'))).toMatchObject({ status: 'known' })
    expect((await stat(path)).ino).not.toBe(ino)
    expect(await talk.queue()).toEqual(['m3'])
  })

  it('makes the append of a tool call wait, and its repetition is in the log once', async () => {
    const store = await openFolder(await newFolder())
    const talk = converse(store)
    const { claim, logId } = await talk.claim(letter('m1'))
    const at = { sessionId: talk.id, claim, logId, after: `${claim}-0` }
    const input = {
      type: 'tool-input-available',
      toolCallId: 'c',
      toolName: 't',
      input: {},
    } as const
    const entry = { id: `${claim}-1`, events: [input] }
    setDiskFaults({ sync: { code: 'EIO', once: true } })
    await expect(store.append(at, entry)).rejects.toMatchObject({ code: 'unavailable' })
    expect(await store.append(at, entry)).toMatchObject({ status: 'present' })
    const log = await store.readLog(talk.id, logId, undefined, 10)
    expect(log?.entries.map(({ id }) => id)).toEqual([`${claim}-0`, `${claim}-1`])
  })
})

it.each([
  ['EMFILE', 'too many open files'],
  ['EACCES', 'may not write its files any more'],
])('a file that cannot be opened (%s) refuses its session only', async (code, text) => {
  const store = await openFolder(await newFolder())
  const talk = converse(store)
  const turn = await talk.claim(letter('m1'))
  setDiskFaults({ open: { code } })
  const message = expect.stringContaining(text)
  await expect(converse(store, 'new').post(letter('m1'))).rejects.toMatchObject({ message })
  expect(await talk.append(turn, 1)).toMatchObject({ status: 'appended' })
  setDiskFaults({})
  expect(await converse(store, 'new').post(letter('m1'))).toMatchObject({ status: 'claimed' })
})

it('a deletion whose rewrite fails is completed later, or by the next start', async () => {
  const folder = await newFolder()
  const store = await openFolder(folder)
  const talk = converse(store)
  await talk.turn(letter('m1'))
  setDiskFaults({ rename: { code: 'EIO' } })
  await expect(store.remove(talk.id, { tenant: '' })).rejects.toMatchObject({ code: 'unavailable' })
  setDiskFaults({})
  expect(await store.session(talk.id)).toBeUndefined()
  const copy = await copyOf(folder)
  await openFolder(copy)
  const textIn = async (at: string) => readFile((await sessionFiles(at))[0] ?? '', 'utf8')
  expect(await textIn(copy)).not.toContain('text of m1')
  await expect.poll(() => textIn(folder), { timeout: 15_000 }).not.toContain('text of m1')
})

it('a folder that somebody removes ends the store with a reason', async () => {
  const folder = await newFolder()
  const store = await openFolder(folder)
  await rm(join(folder, 'lock'))
  const message = `The lock of ${folder} was removed, maybe with the folder. Start the server again.`
  const poll = () => store.beat('one', 1000).catch((error: Error) => error.message)
  await expect.poll(poll, { timeout: 10_000 }).toBe(message)
})
