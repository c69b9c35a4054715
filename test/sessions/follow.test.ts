/** Readers of logs in one process: their shared work, their independence, and their completeness. */
import { setImmediate as nextTurn } from 'node:timers/promises'

import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import { LocalTail, type LocalTails } from '../../src/session/local-tail.ts'
import { follow, type FollowOptions } from '../../src/session/log-follower.ts'
import { RemoteTails } from '../../src/session/remote-tails.ts'
import type { Shared } from '../../src/session/tail-reader.ts'
import { pageSize } from '../../src/session/tail-source.ts'
import type { Store } from '../../src/store.ts'
import { openMemoryStore } from '../../src/store/memory.ts'
import type { Claim } from '../../src/store/turn.ts'
import { until } from '../redis/until.ts'
import { converse, entry, letter } from '../store/conversation.ts'

interface Listening {
  /** The sequence numbers of the received entries. */
  heard: number[]
  shared: (Shared | undefined)[]
  end: Promise<string>
  leave: () => void
}

/** A log with a writer in another process, and its readers in this one. */
async function openScene() {
  const asked: Record<string, number> = {}
  let pause: () => Promise<void> = async () => {}
  let watching = 0
  const memory = openMemoryStore()
  const store: Store = {
    ...memory,
    async readLog(...parameters) {
      asked['readLog'] = (asked['readLog'] ?? 0) + 1
      const page = await memory.readLog(...parameters)
      await pause()
      return page
    },
    async watch(...parameters) {
      asked['watch'] = (asked['watch'] ?? 0) + 1
      const unwatch = await memory.watch(...parameters)
      watching++
      return () => {
        watching--
        unwatch()
      }
    },
  }
  const conversation = converse(memory)
  const claim = await conversation.claim(letter('a'))
  const tails: LocalTails = new Map()
  const remoteTails = new RemoteTails({
    store,
    tails,
    pollMs: 10_000,
    patienceMs: 10_000,
    onSilence: async () => true,
  })
  const listen = (more: Partial<FollowOptions> = {}): Listening => {
    const leaving = new AbortController()
    const [heard, shared]: [number[], (Shared | undefined)[]] = [[], []]
    const end = follow({
      store,
      tails,
      remoteTails,
      sessionId: conversation.id,
      logId: claim.logId,
      after: undefined,
      signal: leaving.signal,
      onSilence: () => {},
      ...more,
      deliver(given, sharedByAll) {
        if (given.events.length > 0) heard.push(Number(given.id.split('-')[1]))
        shared.push(sharedByAll)
        return more.deliver?.(given, sharedByAll)
      },
    })
    // The caller handles the result later.
    end.catch(() => {})
    return { heard, shared, end, leave: () => leaving.abort(new Error('left')) }
  }
  return {
    asked,
    claim,
    tails,
    remoteTails,
    listen,
    get watching() {
      return watching
    },
    setPause: (next: typeof pause) => (pause = next),
    append: (seq: number) => conversation.append(claim, seq),
    finish: () => conversation.finish(claim),
  }
}

const sequence = (last: number) => Array.from({ length: last }, (_, index) => index + 1)

describe('readers of one log in one process', () => {
  it('share one subscription, one read, and the encoded entry', async () => {
    const scene = await openScene()
    const readers = sequence(4).map(() => scene.listen())
    await until(2000, 'all read along', () => scene.watching === 1)
    const before = scene.asked['readLog'] ?? 0
    for (const seq of sequence(20)) {
      await scene.append(seq)
      await until(2000, `all have entry ${seq}`, () =>
        readers.every(({ heard }) => heard.length === seq),
      )
    }
    expect(scene.asked['watch']).toBe(1)
    expect((scene.asked['readLog'] ?? 0) - before).toBeLessThanOrEqual(21)
    const made = readers.map(({ shared }) => shared.at(-1))
    expect(made[0]).toBeInstanceOf(Map)
    for (const one of made) expect(one).toBe(made[0])
    await scene.finish()
    for (const { end, heard } of readers) {
      expect(await end).toBe('finished')
      expect(heard).toEqual(sequence(20))
    }
    await until(2000, 'nothing is kept', () => scene.watching === 0 && scene.remoteTails.size === 0)
  })

  it('share no encoding if there is one reader', async () => {
    const scene = await openScene()
    const reader = scene.listen()
    await until(2000, 'it reads along', () => scene.watching === 1)
    await scene.append(1)
    await until(2000, 'it has the entry', () => reader.heard.length === 1)
    expect(reader.shared.at(-1)).toBeUndefined()
    reader.leave()
    await expect(reader.end).rejects.toThrow('left')
    await until(2000, 'nothing is kept', () => scene.watching === 0 && scene.remoteTails.size === 0)
  })

  it('do not wait for a slow one, which gets everything', async () => {
    const scene = await openScene()
    const hold = Promise.withResolvers<void>()
    const quick = scene.listen()
    const slow = scene.listen({
      deliver: ({ id }) => (id.endsWith('-3') ? hold.promise : undefined),
    })
    await until(2000, 'both read along', () => scene.watching === 1)
    // More entries than the tail keeps for a reader.
    const last = pageSize * 2 + 50
    for (const seq of sequence(last)) await scene.append(seq)
    await until(2000, 'the quick one has all', () => quick.heard.length === last)
    expect(slow.heard).toEqual([1, 2, 3])
    await scene.finish()
    expect(await quick.end).toBe('finished')
    hold.resolve()
    expect(await slow.end).toBe('finished')
    expect(slow.heard).toEqual(sequence(last))
    expect(scene.remoteTails.size).toBe(0)
  })

  it('are independent of the failure of another', async () => {
    const scene = await openScene()
    const failing = scene.listen({
      deliver({ id }) {
        if (id.endsWith('-2')) throw new Error('its own fault')
      },
    })
    const other = scene.listen()
    await until(2000, 'both read along', () => scene.watching === 1)
    for (const seq of sequence(3)) await scene.append(seq)
    await scene.finish()
    await expect(failing.end).rejects.toThrow('its own fault')
    expect(await other.end).toBe('finished')
    expect(other.heard).toEqual([1, 2, 3])
  })

  it('get every entry once and in order', async () => {
    const arbitrary = fc.record({
      steps: fc.array(fc.constantFrom('append', 'append', 'listen', 'turn', 'leave'), {
        maxLength: 60,
      }),
      pauses: fc.array(fc.nat(4), { minLength: 1, maxLength: 20 }),
      places: fc.array(fc.nat(20), { minLength: 1, maxLength: 20 }),
    })
    await fc.assert(
      fc.asyncProperty(arbitrary, async ({ steps, pauses, places }) => {
        const scene = await openScene()
        let reads = 0
        // Replies arrive late, so that some readers are ahead of the others, and some behind.
        scene.setPause(async () => {
          for (let turn = pauses[reads++ % pauses.length] ?? 0; turn > 0; turn--) await nextTurn()
        })
        let last = 0
        const readers: (Listening & { from: number })[] = []
        for (const step of steps) {
          if (step === 'append') await scene.append(++last)
          else if (step === 'turn') await nextTurn()
          else if (step === 'leave') readers.pop()?.leave()
          else {
            const from = Math.min(places[readers.length % places.length] ?? 0, last)
            readers.push({ ...scene.listen({ after: placeOf(scene.claim, from) }), from })
          }
        }
        await scene.finish()
        for (const { end, heard, from } of readers) {
          expect(await end).toBe('finished')
          expect(heard).toEqual(sequence(last).slice(from))
        }
        await until(2000, 'nothing is kept', () => scene.watching + scene.remoteTails.size === 0)
      }),
      { numRuns: 300 },
    )
  })
})

const placeOf = ({ claim }: Claim, seq: number) => `${claim}-${seq}`

describe('readers of a log that this process writes', () => {
  it('read no store before its end', async () => {
    const scene = await openScene()
    const { claim, lastId, sessionId, logId } = scene.claim
    const tail = new LocalTail(lastId, true)
    scene.tails.set(sessionId, { logId, tail })
    const readers = [scene.listen(), scene.listen({ after: lastId })]
    for (const seq of sequence(3)) {
      await scene.append(seq)
      tail.push(entry(claim, seq))
    }
    expect(readers.map(({ heard }) => heard)).toEqual([sequence(3), sequence(3)])
    expect(scene.asked).toEqual({})
    await scene.finish()
    tail.end()
    for (const { end } of readers) expect(await end).toBe('finished')
    expect(scene.asked).toEqual({ readLog: 2 })
  })

  it('read the earlier entries of another owner from the store', async () => {
    const scene = await openScene()
    const { claim, sessionId, logId } = scene.claim
    const reader = scene.listen()
    await until(2000, 'it reads along', () => scene.watching === 1)
    for (const seq of sequence(2)) await scene.append(seq)
    const tail = new LocalTail(placeOf(scene.claim, 2))
    scene.tails.set(sessionId, { logId, tail })
    for (const seq of [3, 4, 5]) {
      await scene.append(seq)
      tail.push(entry(claim, seq))
    }
    await until(2000, 'it reads in memory', () => scene.watching === 0)
    const late = scene.listen()
    await until(2000, 'both have all', () => late.heard.length === 5 && reader.heard.length === 5)
    expect(scene.remoteTails.size).toBe(0)
    await scene.finish()
    tail.end()
    for (const { end, heard } of [reader, late]) {
      expect(await end).toBe('finished')
      expect(heard).toEqual(sequence(5))
    }
  })
})
