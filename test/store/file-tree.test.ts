/** The tree of tasks in the file of its root. */
import { readFile, stat, truncate } from 'node:fs/promises'

import { describe, expect, it } from 'vitest'

import type { Store } from '../../src/store.ts'
import { until } from '../redis/until.ts'
import { converse, letter, said } from './conversation.ts'
import { copyOf, newFolder, openFolder, sessionFiles } from './stored-folder.ts'
import { changesOf, growTree, idOf, taskOf, treeOf } from './tree.ts'

const limits = { unfinishedMax: 1000, openMax: 4 }

/** The tree without its spending, which is also in the files of the tasks. */
async function ownTreeOf(store: Store, root: string) {
  const { tasks, removed } = await treeOf(store, root)
  return { tasks: tasks.map(({ spent: _, ...entry }) => entry), removed }
}

/** The path of the file of a root, before it has tasks with sessions. */
async function fileOf(folder: string): Promise<string> {
  const [path = ''] = await sessionFiles(folder)
  return path
}

describe('the tree in the file of its root', () => {
  it('has the spending of each commit after a kill at any moment', async () => {
    const folder = await newFolder()
    const store = await openFolder(folder)
    await converse(store, 'root').turn(letter('m1'))
    for (const [index, change] of changesOf(store, 'root').entries()) {
      await change()
      const next = await openFolder(await copyOf(folder))
      const label = `after change ${index}`
      expect(await treeOf(next, 'root'), label).toEqual(await treeOf(store, 'root'))
      // A compaction writes everything anew.
      await next.close()
    }
    expect((await store.spentBeside('root')).usd).toBe(2.25)
  })

  it('is that of the last whole change after a kill at any byte', async () => {
    const folder = await newFolder()
    const store = await openFolder(folder)
    await converse(store, 'root').turn(letter('m1'))
    const path = await fileOf(folder)
    const seen: { size: number; state: unknown }[] = []
    const note = async () => {
      seen.push({ size: (await stat(path)).size, state: await ownTreeOf(store, 'root') })
    }
    await note()
    for (const change of changesOf(store, 'root')) {
      await change()
      await note()
    }
    const { length } = await readFile(path)
    const begin = seen[0]?.size ?? 0
    for (let cut = length; cut >= begin; cut -= Math.ceil((length - begin) / 12)) {
      const copy = await copyOf(folder)
      const name = path.slice(folder.length)
      await truncate(copy + name, cut)
      const next = await openFolder(copy)
      const state = seen.findLast(({ size }) => size <= cut)?.state
      expect(await ownTreeOf(next, 'root'), `cut at ${cut}`).toEqual(state)
      await next.addTask(taskOf('root', 'later'), limits)
      await next.endTask(idOf('root', 'later'), limits)
      const after = await ownTreeOf(next, 'root')
      await next.close()
      const last = await openFolder(copy)
      expect(await ownTreeOf(last, 'root'), `cut at ${cut}`).toEqual(after)
      await last.close()
    }
  })

  it('is written in small changes, and stays after a compaction', async () => {
    const folder = await newFolder()
    const store = await openFolder(folder)
    const talk = converse(store, 'root')
    await talk.turn(letter('m1'))
    const path = await fileOf(folder)
    const size = async () => (await stat(path)).size
    const text = 'A long prompt. '.repeat(300)
    const taskNumber = (index: number) => {
      const message = said(`p${index}`, 'user', text)
      return taskOf('root', `n${index}`, { letter: letter(`p${index}`, { message }) })
    }
    // More than a compaction writes at once.
    const all = Array.from({ length: 130 }, (_, index) => taskNumber(index))
    await Promise.all(all.map((task) => store.addTask(task, limits)))
    const full = await size()
    expect(full).toBeGreaterThan(all.length * text.length)
    await store.endTask(idOf('root', 'n0'), limits)
    await store.removeTask(idOf('root', 'n9'))
    expect((await size()) - full).toBeLessThan(4000)
    await store.removeTask(idOf('root', 'n1'))
    // A long message that a rollback removed makes much of the file out of date.
    const message = said('big', 'user', 'x'.repeat(2_000_000))
    await talk.finish(await talk.claim(letter('big', { message })), { discard: true })
    await talk.turn(letter('m2'))
    const state = await treeOf(store, 'root')
    let added = 0
    const isSmall = async () => {
      // Each change begins a compaction, and another change ends it.
      const times = { occurrence: 0, dueAt: 9e12, createdAt: 4000 }
      const rule = { kind: 'once' } as const
      const schedule = { id: `s${added++}`, rule, letter: letter(''), ...times }
      const owner = { tenant: '', agent: 'assistant', schedulesMax: 1000 }
      await store.addSchedule('root', schedule, owner)
      return until(500, 'a compaction', async () => (await size()) < 1_000_000).then(
        () => true,
        () => false,
      )
    }
    await expect.poll(isSmall, { timeout: 20_000 }).toBe(true)
    expect((await treeOf(store, 'root')).tasks.slice(1)).toEqual(state.tasks.slice(1))
    await store.endTask(idOf('root', 'n2'), limits)
    const last = await treeOf(store, 'root')
    await store.close()
    const next = await openFolder(folder)
    expect(await treeOf(next, 'root')).toEqual(last)
    expect(await next.addTask(taskOf('root', 'n3'), limits)).toMatchObject({ status: 'known' })
  })

  it('works if no two of its files fit into the memory', async () => {
    const folder = await newFolder()
    const store = await openFolder(folder, { residentBytesMax: 1 })
    await converse(store, 'root').turn(letter('m1'))
    await growTree(store, 'root')
    const task = converse(store, idOf('root', 'a'))
    const other = converse(store, 'other')
    for (const id of ['x1', 'x2', 'x3']) {
      await other.turn(letter(id))
      await task.turn(letter(id))
    }
    await Promise.all([
      task.turn(letter('x4')),
      other.turn(letter('x4')),
      store.fork('root', { newId: 'copy', tenant: '' }),
    ])
    expect(await task.history()).toHaveLength(12)
    expect(await store.tasks('root')).toHaveLength(4)
  })

  it('expires as a whole, after the last use of a task', async () => {
    const folder = await newFolder()
    let now = Date.now()
    const options = { sessionTtlMs: 10_000, now: () => now }
    const store = await openFolder(folder, options)
    await converse(store, 'root').turn(letter('m1'))
    await store.addTask(taskOf('root', 'one'), limits)
    const task = converse(store, idOf('root', 'one'))
    await task.turn(letter('m1'))
    now += 9000
    await task.turn(letter('m2'))
    now += 9000
    expect(await store.session('root')).toBeDefined()
    const claim = await task.claim(letter('m3'))
    now += 11_000
    expect(await store.session('root')).toBeDefined()
    await task.finish(claim)
    expect((await store.list('', { limit: 10 })).sessions.map(({ id }) => id)).toEqual(['root'])
    await store.close()
    now += 9000
    const next = await openFolder(folder, options)
    expect(await next.tasks('root')).toHaveLength(1)
    expect(await converse(next, task.id).history()).toHaveLength(6)
    now += 1001
    expect(await next.session('root')).toBeUndefined()
    expect(await next.session(task.id)).toBeUndefined()
    expect(await converse(next, task.id).post(letter('m4'))).toEqual({ status: 'gone' })
  })
})
