/** The file store after the end of its process at any moment. */
import { readFile, truncate, writeFile } from 'node:fs/promises'

import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import { readStored } from '../../src/store/file/replay.ts'
import { noUsage } from '../../src/usage.ts'
import { Run, sequence } from './contract/model.ts'
import { converse, letter, regenerate, said } from './conversation.ts'
import { copyOf, everythingOf, newFolder, openFolder, sessionFiles } from './stored-folder.ts'

const ids = Array.from({ length: 8 }, (_, number) => `m${number}`)

/** No session here is a fork. */
const noSegments = () => Promise.reject(new Error('a reference'))

describe('a killed process', () => {
  it('leaves the state that its store showed, after any calls', { timeout: 60_000 }, async () => {
    const folder = await newFolder()
    const store = await openFolder(folder)
    await fc.assert(
      fc.asyncProperty(sequence, async (calls) => {
        const run = new Run(converse(store))
        for (const [step, mode] of calls) await run.step(step, mode)
        const copy = await openFolder(await copyOf(folder))
        const { id } = run.talk
        expect(await everythingOf(copy, id, ids)).toEqual(await everythingOf(store, id, ids))
        await copy.close()
      }),
      { numRuns: 25 },
    )
  })

  it('leaves the last whole change after a kill at any byte', async () => {
    const folder = await newFolder()
    const store = await openFolder(folder)
    const talk = converse(store, 'any/../id')
    const seen = [{ size: 0, state: await everythingOf(store, talk.id, ids) }]
    const note = async () => {
      const [path = ''] = await sessionFiles(folder)
      const { length } = await readFile(path)
      seen.push({ size: length, state: await everythingOf(store, talk.id, ids) })
    }
    const first = await talk.claim(letter('m1', { context: { grade: 7 } }), {
      seed: [said('m0'), said('re-m0', 'assistant')],
    })
    await note()
    await talk.append(first, 1)
    await note()
    await talk.post(letter('m2'))
    await note()
    await talk.post(letter('m3'), { whenBusy: 'steer' })
    await note()
    await store.takeSteered({ sessionId: talk.id, claim: first.claim })
    await note()
    const through = 'm0'
    await store.saveSummary(
      { sessionId: talk.id, claim: first.claim },
      { text: 'a', through, tokens: 1 },
    )
    await note()
    await talk.finish(first, {
      state: 'waiting',
      spent: { usage: noUsage, usd: 0.5, isCostKnown: true },
    })
    await note()
    await store.requestStop(talk.id, { tenant: '', queue: 'hold' })
    await note()
    await talk.post(regenerate('m4', 're-m1'), { whenBusy: 'interrupt' })
    await note()
    const [path = ''] = await sessionFiles(folder)
    const bytes = await readFile(path)
    const stateAt = (cut: number) => seen.findLast(({ size }) => size <= cut)
    // Every byte gives the session of the last whole change.
    for (let cut = 0; cut < bytes.length; cut += 1) {
      const { size } = await readStored(bytes.subarray(0, cut), noSegments)
      expect(size).toBeLessThanOrEqual(cut)
      const state = stateAt(cut)
      expect(size).toBeGreaterThanOrEqual(state?.size ?? 0)
    }
    // A store that opens the file shows it, and goes on from there.
    for (let cut = bytes.length; cut > 0; cut -= Math.ceil(bytes.length / 60)) {
      const copy = await copyOf(folder)
      const [copied = ''] = await sessionFiles(copy)
      await truncate(copied, cut)
      const next = await openFolder(copy)
      const again = converse(next, talk.id)
      const state = stateAt(cut)?.state
      expect(await everythingOf(next, talk.id, ids), `cut at ${cut}`).toEqual(state)
      await again.post(letter('later'))
      const after = await everythingOf(next, talk.id, ids)
      await next.close()
      const last = await openFolder(copy)
      expect(await everythingOf(last, talk.id, ids), `cut at ${cut}`).toEqual(after)
      await last.close()
    }
  })

  it('leaves a file whose middle was lost, up to there, and a copy of it', async () => {
    const folder = await newFolder()
    const reports: unknown[] = []
    const store = await openFolder(folder)
    const talk = converse(store)
    await talk.turn(letter('m1'))
    const [path = ''] = await sessionFiles(folder)
    const { length } = await readFile(path)
    await talk.turn(letter('m2'))
    await talk.turn(letter('m3'))
    await store.close()
    const bytes = await readFile(path)
    bytes.fill(0, length + 20, length + 60)
    await writeFile(path, bytes)
    const next = await openFolder(folder, { report: (error) => reports.push(error) })
    expect(await converse(next, talk.id).history()).toEqual(['m1', 're-m1'])
    expect(reports).toEqual([expect.stringContaining('is damaged after byte')])
    expect(await readFile(`${path}.damaged`)).toEqual(bytes)
  })
})
