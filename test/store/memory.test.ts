import { describe, expect, it, vi } from 'vitest'

import { openMemoryStore } from '../../src/store/memory.ts'
import { storeContract } from './contract.ts'
import { converse, delta, letter } from './conversation.ts'
import type { Conversation } from './conversation.ts'
import { idOf, taskOf } from './tree.ts'

describe('the store in memory', () => {
  storeContract(async (bounds) => openMemoryStore(bounds), { runs: 200 })
})

describe('the bounds of the store in memory', () => {
  it('drop a session after its TTL', async () => {
    let now = 1000
    const store = openMemoryStore({ sessionTtlMs: 100, now: () => now })
    const talk = converse(store)
    const claim = await talk.claim(letter('m1'))
    now += 99
    expect(await talk.append(claim, 1)).toMatchObject({ status: 'appended' })
    await talk.finish(claim)
    now += 99
    expect(await talk.history()).toEqual(['m1', 're-m1'])
    now += 1
    expect(await store.session(talk.id)).toBeUndefined()
    expect(await store.list('', { limit: 10 })).toEqual({ sessions: [] })
    expect(await talk.append(claim, 2)).toEqual({ status: 'lost' })
    await store.close()
  })

  it('keep a session whose turn runs for a long time', async () => {
    let now = 1000
    const store = openMemoryStore({ sessionTtlMs: 100, now: () => now })
    const talk = converse(store)
    const claim = await talk.claim(letter('m1'))
    now += 1000
    expect(await talk.append(claim, 1)).toMatchObject({ status: 'appended' })
    await talk.finish(claim)
    expect(await talk.history()).toEqual(['m1', 're-m1'])
    now += 100
    expect(await store.session(talk.id)).toBeUndefined()
    await store.close()
  })

  it('drop idle sessions for new ones, the oldest first', async () => {
    const store = openMemoryStore({ sessionsMax: 2 })
    const [running, first, second, third] = Array.from({ length: 4 }, () => converse(store))
    await running?.claim(letter('m1'))
    for (const talk of [first, second, third]) await talk?.turn(letter('m1'))
    const isThere = async (talk: Conversation | undefined) =>
      talk !== undefined && (await store.session(talk.id)) !== undefined
    expect(await Promise.all([running, first, second, third].map(isThere))).toEqual([
      true,
      false,
      false,
      true,
    ])
    await store.close()
  })

  it('drop a tree as a whole, and none whose root or task is busy', async () => {
    const store = openMemoryStore({ sessionsMax: 4 })
    const isThere = async (id: string) => (await store.session(id)) !== undefined
    const plant = async (root: string) => {
      await converse(store, root).turn(letter('m1'))
      await store.addTask(taskOf(root, 'one'), { unfinishedMax: 9, openMax: 9 })
      return idOf(root, 'one')
    }
    const [idle, busy] = [await plant('idle'), await plant('busy')]
    await converse(store, 'single').turn(letter('m1'))
    // The use of a task is a use of its root.
    await converse(store, idle).turn(letter('m1'))
    await converse(store, busy).claim(letter('m1'))
    expect(await Promise.all(['idle', idle, 'busy', busy].map(isThere))).toEqual(
      Array(4).fill(true),
    )
    expect(await isThere('single')).toBe(false)
    await converse(store, 'next').turn(letter('m1'))
    expect(await Promise.all(['idle', idle, 'busy', busy].map(isThere))).toEqual([
      false,
      false,
      true,
      true,
    ])
    expect(await store.task(idle)).toBeUndefined()
    expect(await converse(store, idle).post(letter('m3'))).toEqual({ status: 'gone' })
    await store.close()
  })

  it('keep a root while a task of it is used, and no task longer than its root', async () => {
    let now = 1000
    const store = openMemoryStore({ sessionTtlMs: 100, now: () => now })
    await converse(store, 'root').turn(letter('m1'))
    const id = idOf('root', 'one')
    await store.addTask(taskOf('root', 'one'), { unfinishedMax: 9, openMax: 9 })
    const task = converse(store, id)
    now += 99
    const claim = await task.claim(letter('m1'))
    now += 1000
    expect(await store.session('root')).toBeDefined()
    await task.finish(claim)
    now += 99
    expect(await store.session('root')).toBeDefined()
    expect(await task.history()).toEqual(['m1', 're-m1'])
    now += 1
    expect(await store.session('root')).toBeUndefined()
    expect(await store.session(id)).toBeUndefined()
    await converse(store, 'root').turn(letter('m1'))
    expect(await store.tasks('root')).toEqual([])
    expect(await store.session(id)).toBeUndefined()
    await store.close()
  })

  it('drop the oldest finished logs early, and no history', async () => {
    const store = openMemoryStore({ finishedEntriesMax: 10 })
    const talks = Array.from({ length: 3 }, () => converse(store))
    const logs: string[] = []
    for (const talk of talks) {
      const claim = await talk.claim(letter('m1'))
      for (const seq of [1, 2, 3]) await talk.append(claim, seq)
      await talk.finish(claim, { logTtlMs: 60_000 })
      logs.push(claim.logId)
    }
    const isReadable = async (talk: Conversation, index: number) =>
      (await store.readLog(talk.id, logs[index] ?? '', undefined, 10)) !== undefined
    expect(await Promise.all(talks.map(isReadable))).toEqual([false, true, true])
    for (const { id } of talks) expect(await store.messages(id)).toHaveLength(2)
    await store.close()
  })

  it('free expired data with one timer', async () => {
    vi.useFakeTimers()
    try {
      const store = openMemoryStore({ sessionTtlMs: 60_000 })
      const talks = Array.from({ length: 50 }, () => converse(store))
      for (const talk of talks)
        await talk.finish(await talk.claim(letter('m1')), { logTtlMs: 1000 })
      expect(vi.getTimerCount()).toBe(1)
      vi.advanceTimersByTime(61_000)
      await vi.runAllTimersAsync()
      // No timer is left.
      expect(vi.getTimerCount()).toBe(0)
      await store.close()
    } finally {
      vi.useRealTimers()
    }
  })

  it('keep the event objects that an append brings', async () => {
    const store = openMemoryStore()
    const talk = converse(store)
    const claim = await talk.claim(letter('m1'))
    const events = delta('as it is')
    const at = { sessionId: talk.id, claim: claim.claim, logId: 're-m1', after: claim.lastId }
    await store.append(at, { id: `${claim.claim}-1`, events })
    const page = await store.readLog(talk.id, 're-m1', claim.lastId, 1)
    expect(page?.entries[0]?.events).toBe(events)
    await store.close()
  })
})
