/** The folder of the file store: its user, its content, and the data that stays in memory. */
import { spawn } from 'node:child_process'
import { appendFile, mkdir, readdir, readFile, stat, utimes, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'

import { describe, expect, it } from 'vitest'

import { openMemoryStore } from '../../src/store/memory.ts'
import { within } from '../deadline.ts'
import { converse, letter, said } from './conversation.ts'
import { newFolder, openFolder, sessionFiles } from './stored-folder.ts'

describe('the audit of a folder', () => {
  const event = { action: 'stop', by: { subject: 'ada' }, sessionId: 's' } as const

  it('goes on after a line that a crash cut off', async () => {
    const folder = await newFolder()
    const store = await openFolder(folder)
    await store.noteAudit('acme', event)
    await store.close()
    await appendFile(join(folder, 'audit'), '{"tenant":"acme","act')
    const second = await openFolder(folder)
    await second.noteAudit('acme', event)
    await second.close()
    const third = await openFolder(folder)
    expect((await third.auditPage('acme', { limit: 10 })).events).toHaveLength(2)
    expect((await readFile(join(folder, 'audit'), 'utf8')).split('\n')).toHaveLength(3)
  })
})

describe('what an owner stores in a folder', () => {
  it('counts the sessions and files that an earlier process stored', async () => {
    const folder = await newFolder()
    const owner = { tenant: 'acme', subject: 'ada' }
    const store = await openFolder(folder)
    const [talk, gone] = [converse(store), converse(store)]
    for (const each of [talk, gone]) await each.turn(letter('m1'), owner)
    await store.noteFileBytes(talk.id, 1000)
    await store.remove(gone.id, owner)
    const amount = await store.storedAmount(owner)
    expect(amount.sessions).toBe(1)
    expect(amount.bytes).toBeGreaterThan(1000)
    await store.close()
    const next = await openFolder(folder)
    expect(await next.storedAmount(owner)).toEqual(amount)
    await next.close()
    // Without the index, the files of the sessions have the numbers.
    await writeFile(join(folder, 'index'), '')
    expect(await (await openFolder(folder)).storedAmount(owner)).toEqual(amount)
  })
})

describe('the lock of a folder', () => {
  it('refuses a second store, and names the folder and the process', async () => {
    const folder = await newFolder()
    const store = await openFolder(folder)
    await expect(openFolder(folder)).rejects.toMatchObject({
      code: 'invalid-config',
      message: expect.stringMatching(`^${folder} is in use by this process`),
    })
    await store.close()
    const next = await openFolder(folder)
    expect(await next.list('', { limit: 1 })).toEqual({ sessions: [] })
  })

  it('of a dead process is taken over', async () => {
    const folder = await newFolder()
    const child = spawn(process.execPath, ['-e', ''])
    await new Promise((resolve) => child.once('exit', resolve))
    const holder = { token: 'x', pid: child.pid, host: hostname() }
    await writeFile(join(folder, 'lock'), JSON.stringify(holder))
    await openFolder(folder)
  })

  it.runIf(process.platform === 'linux')(
    'of an earlier process with the same pid is taken over',
    async () => {
      const folder = await newFolder()
      const holder = {
        token: 'x',
        pid: process.pid,
        host: hostname(),
        started: 'an earlier boot 1',
      }
      await writeFile(join(folder, 'lock'), JSON.stringify(holder))
      await openFolder(folder)
    },
  )

  it('of another machine is taken over if it is not renewed', async () => {
    const folder = await newFolder()
    const path = join(folder, 'lock')
    await writeFile(path, JSON.stringify({ token: 'x', pid: 1, host: 'elsewhere' }))
    const renewal = setInterval(() => void utimes(path, new Date(), new Date()), 100)
    try {
      await expect(openFolder(folder)).rejects.toMatchObject({
        code: 'invalid-config',
        message: expect.stringContaining('process 1 on elsewhere'),
      })
    } finally {
      clearInterval(renewal)
    }
    await openFolder(folder)
  })

  it('that another process took ends the store', async () => {
    const folder = await newFolder()
    const store = await openFolder(folder)
    const talk = converse(store)
    await talk.turn(letter('m1'))
    await writeFile(join(folder, 'lock'), JSON.stringify({ token: 'x', pid: 1, host: 'elsewhere' }))
    await expect
      .poll(() => talk.post(letter('m2')).catch((error: Error) => error.message), { timeout: 5000 })
      .toContain('Another process uses')
  })
})

describe('the files of a folder', () => {
  it('are only for their owner, and have no names that tenants choose', async () => {
    const folder = join(await newFolder(), 'new')
    const store = await openFolder(folder)
    for (const id of ['../../../up', 'a/b', '', 'é'.repeat(5000), 'CON', 'x\0y']) {
      const talk = converse(store, id)
      await talk.turn(letter('m1'))
      expect(await talk.history()).toEqual(['m1', 're-m1'])
    }
    const paths = await sessionFiles(folder)
    expect(paths).toHaveLength(6)
    for (const path of paths) {
      expect(path).toMatch(/\/sessions\/[\da-f]{64}\.session$/)
      expect((await stat(path)).mode & 0o777).toBe(0o600)
    }
    expect((await stat(folder)).mode & 0o777).toBe(0o700)
    // The index is written some time after a change.
    const names = (await readdir(folder)).filter((name) => name !== 'index')
    expect(names.sort()).toEqual(['lock', 'sessions', 'upgraded'])
  })

  it('do not keep deleted data', async () => {
    const folder = await newFolder()
    const store = await openFolder(folder)
    const talk = converse(store)
    const claim = await talk.claim(letter('m1', { message: said('m1', 'user', 'a secret') }))
    await talk.append(claim, 1)
    await talk.finish(claim)
    const [path = ''] = await sessionFiles(folder)
    expect(await readFile(path, 'utf8')).toContain('a secret')
    expect(await store.remove(talk.id, { tenant: '' })).toBe(true)
    expect(await readFile(path, 'utf8')).not.toContain('a secret')
    await store.close()
    const next = converse(await openFolder(folder), talk.id)
    expect(await next.store.session(talk.id)).toBeUndefined()
    // Late writers of the deleted session stay locked out.
    expect((await next.claim(letter('m1'))).claim).toBeGreaterThan(claim.claim)
  })

  it('leave with their sessions after the TTL', async () => {
    const folder = await newFolder()
    let now = Date.now()
    const options = { sessionTtlMs: 1000, now: () => now }
    const store = await openFolder(folder, options)
    const [old, young] = [converse(store), converse(store)]
    await old.turn(letter('m1'))
    now += 600
    await young.turn(letter('m1'))
    await store.close()
    now += 600
    const next = await openFolder(folder, options)
    expect(await next.session(old.id)).toBeUndefined()
    expect((await next.list('', { limit: 9 })).sessions.map(({ id }) => id)).toEqual([young.id])
    expect(await converse(next, old.id).post(letter('m1'))).toMatchObject({ status: 'claimed' })
    expect(await converse(next, old.id).history()).toEqual(['m1'])
    await expect.poll(() => sessionFiles(folder), { timeout: 10_000 }).toHaveLength(2)
    now += 1200
    await expect.poll(() => sessionFiles(folder), { timeout: 10_000 }).toHaveLength(1)
  })

  it('do not grow with the number of answers', async () => {
    const folder = await newFolder()
    let now = Date.now()
    const store = await openFolder(folder, { now: () => now })
    const talk = converse(store)
    const text = 'x'.repeat(2000)
    for (let number = 0; number < 300; number += 1) {
      const claim = await talk.claim(letter('again', { id: `m${number}`, message: said('one') }))
      await talk.append(claim, 1)
      await talk.finish(claim, { message: said('two', 'assistant', text), logTtlMs: 1 })
      now += 10
    }
    const size = async () => (await stat((await sessionFiles(folder))[0] ?? '')).size
    await expect.poll(size, { timeout: 10_000 }).toBeLessThan(300_000)
    const state = await store.messages(talk.id)
    await store.close()
    expect(await (await openFolder(folder)).messages(talk.id)).toEqual(state)
  })
})

describe('the memory of the file store', () => {
  it('does not keep idle sessions, and shows them as before', async () => {
    const folder = await newFolder()
    const store = await openFolder(folder, { residentBytesMax: 20_000 })
    const talks = Array.from({ length: 100 }, () => converse(store))
    for (const talk of talks) await talk.turn(letter('m1'))
    for (const talk of talks) {
      await talk.turn(letter('m2'))
      expect(await talk.history()).toEqual(['m1', 're-m1', 'm2', 're-m2'])
    }
    const page = await store.list('', { limit: 60 })
    expect(page.sessions.map(({ id }) => id)).toEqual(
      talks
        .map(({ id }) => id)
        .toReversed()
        .slice(0, 60),
    )
    const last = await store.list('', { limit: 60, before: page.before ?? 0 })
    expect(last.sessions).toHaveLength(40)
  })

  it('reads no file at a start after a close, and only changed ones after a kill', async () => {
    const folder = await newFolder()
    const store = await openFolder(folder)
    for (let number = 0; number < 50; number += 1) {
      await converse(store, `s${number}`).turn(letter('m1'))
    }
    await store.close()
    // A file that cannot be read would be reported.
    for (const path of await sessionFiles(folder)) {
      const bytes = await readFile(path)
      await writeFile(path, bytes.fill('x'))
    }
    const next = await openFolder(folder)
    expect((await next.list('', { limit: 100 })).sessions).toHaveLength(50)
    await within(5000, 'a new session', converse(next).turn(letter('m1')))
  })

  it('keeps the order of the list and the clock of uses over a restart', async () => {
    const folder = await newFolder()
    const store = await openFolder(folder)
    const memory = openMemoryStore()
    for (const id of ['a', 'b', 'c', 'a']) {
      await converse(store, id).post(letter('m1'))
      await converse(memory, id).post(letter('m1'))
    }
    await store.close()
    const next = await openFolder(folder)
    const idsOf = async (of: typeof next) =>
      (await of.list('', { limit: 9 })).sessions.map(({ id }) => id)
    expect(await idsOf(next)).toEqual(await idsOf(memory))
  })
})

it('a path that is no folder is refused', async () => {
  const folder = await newFolder()
  await writeFile(join(folder, 'file'), '')
  await expect(openFolder(join(folder, 'file'))).rejects.toMatchObject({ code: 'invalid-config' })
  await mkdir(join(folder, 'sub'))
  await openFolder(join(folder, 'sub'))
})
