import { converse, entry, letter, said } from './conversation.ts'
import { within } from './deadline.ts'
/** Sessions, logs and hints, as readers see them. */
import { expect } from './expectation.ts'
import type { Subject } from './subject.ts'

export function reading({ it, store }: Subject): void {
  it('gets the record of a session', async () => {
    const talk = converse(store())
    expect(await talk.store.session(talk.id)).toBeUndefined()
    expect(await talk.history()).toEqual([])
    expect(await talk.queue()).toEqual([])
    const claim = await talk.claim(letter('m1'), { tenant: 'ann', agent: 'poet' })
    await talk.append(claim, 1)
    await talk.post(letter('m2'), { tenant: 'ann' })
    const record = await talk.store.session(talk.id)
    expect(record).toEqual({
      id: talk.id,
      tenant: 'ann',
      agent: 'poet',
      title: 'text of m1',
      state: 'running',
      createdAt: expect.any(Number),
      updatedAt: expect.any(Number),
      queued: 1,
      bytes: expect.any(Number),
      turn: {
        claim: claim.claim,
        owner: 'one',
        agent: 'poet',
        logId: 're-m1',
        letterId: 'm1',
        lastId: `${claim.claim}-1`,
        startedAt: expect.any(Number),
      },
    })
    expect(Math.abs((record?.createdAt ?? 0) - Date.now())).toBeLessThan(5000)
    await talk.finish(claim, { error: 'the model is gone' })
    expect(await talk.store.session(talk.id)).toMatchObject({ turn: { letterId: 'm2' } })
    expect(await talk.store.session(talk.id)).not.toHaveProperty('error')
  })

  it('gets the error of a turn until the next one', async () => {
    const talk = converse(store())
    await talk.finish(await talk.claim(letter('m1')), { error: 'the model is gone' })
    expect(await talk.store.session(talk.id)).toMatchObject({
      state: 'idle',
      error: 'the model is gone',
    })
    await talk.turn(letter('m2'))
    expect(await talk.store.session(talk.id)).not.toHaveProperty('error')
  })

  it('gets messages exactly as they were stored', async () => {
    const talk = converse(store())
    const strange = JSON.parse(
      '{"id":"m1","role":"user","parts":[],"metadata":{"a":[],"b":{},"c":1e21,"d":0.1,"e":"\\n\\u0000é🙂"}}',
    )
    const claim = await talk.claim(letter('m1', { message: strange }))
    const reply = said('re-m1', 'assistant', 'x'.repeat(100_000))
    await talk.finish(claim, { message: reply })
    expect(await talk.store.messages(talk.id)).toEqual([strange, reply])
  })

  it('reads a log from any place, in pages', async () => {
    const talk = converse(store())
    const claim = await talk.claim(letter('m1'))
    for (const seq of [1, 2, 3, 4, 5]) await talk.append(claim, seq)
    const read = (after: string | undefined, limit: number) =>
      talk.store.readLog(talk.id, 're-m1', after, limit)
    const ids = async (after: string | undefined, limit: number) =>
      (await read(after, limit))?.entries.map(({ id }) => Number(id.split('-')[1]))
    expect(await ids(undefined, 3)).toEqual([0, 1, 2])
    expect(await ids(`${claim.claim}-2`, 2)).toEqual([3, 4])
    expect(await ids(`${claim.claim}-5`, 2)).toEqual([])
    expect(await ids(`${claim.claim - 1}-9`, 1)).toEqual([0])
    expect(await ids(`${claim.claim + 1}-0`, 9)).toEqual([])
    expect((await read(`${claim.claim}-3`, 9))?.entries).toEqual([
      entry(claim.claim, 4),
      entry(claim.claim, 5),
    ])
  })

  it('reports whether the log has the entry it continues from', async () => {
    const talk = converse(store())
    const claim = await talk.claim(letter('m1'))
    await talk.append(claim, 1)
    await talk.append(claim, 2)
    const holds = async (after: string | undefined) =>
      (await talk.store.readLog(talk.id, 're-m1', after, 9))?.holdsAfter
    expect(await holds(undefined)).toBe(true)
    expect(await holds(claim.lastId)).toBe(true)
    expect(await holds(`${claim.claim}-2`)).toBe(true)
    expect(await holds(`${claim.claim}-3`)).toBe(false)
    expect(await holds(`${claim.claim - 1}-7`)).toBe(false)
    expect(await holds('0-0')).toBe(false)
    await talk.finish(claim)
    expect(await holds(`${claim.claim}-2`)).toBe(true)
    expect(await holds(`${claim.claim}-3`)).toBe(false)
  })

  it('reports on its last page that a log is finished', async () => {
    const talk = converse(store())
    const claim = await talk.claim(letter('m1'))
    await talk.append(claim, 1)
    const finished = async (limit: number) =>
      (await talk.store.readLog(talk.id, 're-m1', undefined, limit))?.finished
    expect(await finished(9)).toBe(false)
    await talk.finish(claim)
    expect(await finished(9)).toBe(true)
    expect(await finished(1)).toBe(false)
    const next = await talk.claim(letter('m2'))
    expect(await finished(9)).toBe(true)
    expect(await talk.store.readLog(talk.id, 're-m2', undefined, 9)).toEqual({
      entries: [{ id: next.lastId, events: [] }],
      finished: false,
      holdsAfter: true,
    })
    expect(await talk.store.readLog(talk.id, 're-m3', undefined, 9)).toBeUndefined()
    expect(await talk.store.readLog('nowhere', 're-m1', undefined, 9)).toBeUndefined()
  })

  it('does not find a finished log after its TTL', async () => {
    const talk = converse(store())
    const claim = await talk.claim(letter('m1'))
    await talk.finish(claim, { logTtlMs: 20 })
    await expect.poll(() => talk.store.readLog(talk.id, 're-m1', undefined, 9)).toBeUndefined()
    expect(await talk.store.findLog(talk.id, claim.lastId)).toBeUndefined()
    expect(await talk.history()).toEqual(['m1', 're-m1'])
  })

  it('finds the log of an entry', async () => {
    const talk = converse(store())
    const first = await talk.turn(letter('m1'))
    const second = await talk.claim(letter('m2'))
    const options = { instance: 'two', handOver: false }
    const third = await talk.store.takeOver(talk.id, second.claim, options)
    const find = (claim: number | undefined, seq: number) =>
      talk.store.findLog(talk.id, `${claim}-${seq}`)
    expect(await find(first.claim, 0)).toBe('re-m1')
    expect(await find(second.claim, 7)).toBe('re-m2')
    expect(await find(third?.claim, 0)).toBe('re-m2')
    expect(await find(first.claim - 1, 0)).toBeUndefined()
    expect(await talk.store.findLog('nowhere', '1-1')).toBeUndefined()
  })

  it('gets a hint of every change that it can read', async () => {
    const talk = converse(store())
    const hints = createHints()
    const unwatch = await talk.store.watch(talk.id, 'log', hints.hint)
    const claim = await talk.claim(letter('m1'))
    await hints.next('a turn begins')
    await talk.append(claim, 1)
    await hints.next('an entry')
    await talk.post(letter('m2'))
    await hints.next('a letter waits')
    await talk.store.withdraw(talk.id, 'm2', { tenant: '' })
    await hints.next('a letter is withdrawn')
    await talk.finish(claim)
    await hints.next('a turn ends')
    const other = converse(store())
    await other.claim(letter('m1'))
    unwatch()
    unwatch()
    await talk.claim(letter('m3'))
    // Hints of one connection arrive in order: a hint of the other session would come before this one.
    const last = createHints()
    await talk.store.watch(talk.id, 'log', last.hint)
    await talk.post(letter('m4'))
    await last.next('the last letter')
    expect(hints.count()).toBe(0)
  })

  it('gets, as the owner, a hint of every intent', async () => {
    const talk = converse(store())
    const claim = await talk.claim(letter('m1'))
    const hints = createHints()
    await talk.store.watch(talk.id, 'intents', hints.hint)
    await talk.append(claim, 1)
    await talk.store.requestStop(talk.id, { tenant: '' })
    await hints.next('a stop')
    await talk.post(letter('m2'), { whenBusy: 'interrupt' })
    await hints.next('an interrupter')
    await talk.store.takeOver(talk.id, claim.claim, { instance: 'two', handOver: true })
    await hints.next('a take-over')
    await talk.store.remove(talk.id, { tenant: '' })
    await hints.next('a deletion')
    expect(hints.count()).toBe(0)
  })

  it('misses nothing if it watches before it reads', async () => {
    const talk = converse(store())
    const claim = await talk.claim(letter('m1'))
    const entries = 200
    const writing = (async () => {
      for (let seq = 1; seq <= entries; seq += 1) await talk.append(claim, seq)
      await talk.finish(claim)
    })()
    const readers = Array.from({ length: 5 }, async () => {
      const hints = createHints()
      const unwatch = await talk.store.watch(talk.id, 'log', hints.hint)
      const read: string[] = []
      for (;;) {
        const page = await talk.store.readLog(talk.id, 're-m1', read.at(-1), 50)
        read.push(...(page?.entries.map(({ id }) => id) ?? []))
        if (page?.finished === true) break
        if (page?.entries.length === 0) await hints.next('more of the log')
      }
      unwatch()
      return read
    })
    for (const read of await Promise.all(readers)) {
      expect(read).toEqual(Array.from({ length: entries + 1 }, (_, seq) => `${claim.claim}-${seq}`))
    }
    await writing
  })
}

/** Hints that arrive before a wait count as one, as for any reader. */
function createHints() {
  let came = 0
  let wake = () => {}
  return {
    hint: () => {
      came += 1
      wake()
    },
    count: () => came,
    async next(label: string) {
      if (came === 0) {
        await within(5000, `a hint of ${label}`, new Promise<void>((resolve) => (wake = resolve)))
      }
      came = 0
    },
  }
}
