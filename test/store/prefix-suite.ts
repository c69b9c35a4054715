/** Two Looms that share a Redis, one server or a cluster, and differ in their prefix. */
import { expect, it } from 'vitest'

import type { Store } from '../../src/store.ts'
import { converse, letter } from './conversation.ts'
import { idOf, taskOf } from './tree.ts'

export interface PrefixStage {
  open: (prefix: string) => Promise<Store>
  /** All keys of the server or the cluster. */
  keys: () => Promise<string[]>
}

export function prefixSuite({ open, keys }: PrefixStage): void {
  it('separates the data of Looms with different prefixes', async () => {
    const before = new Set(await keys())
    const [one, two, again] = await Promise.all([open('one'), open('two:'), open('one:')])
    const hints = { one: 0, two: 0, left: 0 }
    const talk = converse(one)
    const other = converse(two, talk.id)
    await again.watch(talk.id, 'log', () => hints.one++)
    await two.watch(talk.id, 'log', () => hints.two++)
    await two.watchInstances(() => hints.left++)

    await talk.turn(letter('m1'))
    await one.beat('instance', 60_000)
    await one.note('instance', talk.id)
    await one.leave('instance')
    await expect.poll(() => hints.one).toBe(2)

    expect(await two.session(talk.id)).toBeUndefined()
    expect(await again.session(talk.id)).toMatchObject({ id: talk.id })
    expect(await two.lapsed()).toEqual([])
    expect(await again.lapsed()).toEqual(['instance'])
    expect((await two.list('', { limit: 10 })).sessions).toEqual([])
    expect(await other.post(letter('m1'))).toMatchObject({ status: 'claimed' })
    expect(await other.history()).toEqual(['m1'])
    expect(await talk.history()).toEqual(['m1', 're-m1'])
    await expect.poll(() => hints.two).toBe(1)
    expect(hints.left).toBe(0)

    const [limits, next] = [{ unfinishedMax: 9, openMax: 1 }, idOf(talk.id, 'two')]
    let opened = 0
    await again.watch(next, 'log', () => opened++)
    for (const name of ['one', 'two']) await one.addTask(taskOf(talk.id, name), limits)
    expect(await two.tasks(talk.id)).toEqual([])
    expect(await one.endTask(idOf(talk.id, 'one'), limits)).toEqual({ isNew: true, next: [next] })
    await expect.poll(() => opened).toBe(1)

    await again.forget('instance', [talk.id])
    expect(await one.noted('instance')).toEqual([])
    const made = (await keys()).filter((key) => !before.has(key))
    expect(made.length).toBeGreaterThan(8)
    for (const key of made) expect(key).toMatch(/^(?:one|two):loom:/)
    await Promise.all([one, two, again].map((store) => store.close()))
  })

  it('refuses a prefix with braces, blanks or many characters', async () => {
    for (const prefix of ['{a}', 'a b', 'x'.repeat(65)]) {
      await expect(open(prefix)).rejects.toMatchObject({ code: 'invalid-config' })
    }
  })
}
